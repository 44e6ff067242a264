"""A Kubernetes API on this machine without Docker: a daemon that runs each Pod as local processes."""
