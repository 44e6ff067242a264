"""Trains the flight-risk model and writes it as ONNX; the only part of the stack that imports scikit-learn."""
