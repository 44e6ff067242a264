"""Serves the flight-risk model by the Open Inference Protocol v2."""
