"""Asking Prometheus over HTTP: samples, ranges, alerts and silences."""
