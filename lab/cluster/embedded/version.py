"""The Kubernetes version whose API definitions the field table was made from, as every part of the cluster tells it."""

from __future__ import annotations

MAJOR = "1"
MINOR = "33"
GIT_VERSION = f"v{MAJOR}.{MINOR}.1"
NODE_VERSION = f"{GIT_VERSION}-embedded"
"""What the node says of its kubelet: the same behaviour, another program."""
