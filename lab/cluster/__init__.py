"""Where labs run: a Kubernetes API to talk to, the ways to get one, and the one thin layer over its client."""
