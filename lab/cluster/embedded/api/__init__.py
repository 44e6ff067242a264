"""The HTTP half of the embedded cluster: the subset of the Kubernetes API that the lab, kubectl and the client need."""
