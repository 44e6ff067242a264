"""MLOps Lab: a terminal learning lab and incident simulator for machine-learning systems in production."""
