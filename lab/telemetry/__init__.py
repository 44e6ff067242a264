"""Asking Prometheus and Alertmanager over HTTP: samples, ranges, alerts and silences."""
