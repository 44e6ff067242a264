"""The kubeconfig by which kubectl and every Kubernetes client reach the cluster."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from lab.cluster.files import write_private


def write_kubeconfig(path: Path, *, server: str, ca_file: Path, token: str, namespace: str) -> None:
    """Write a kubeconfig with one context `lab`, certificate and token inside; readable by its owner only.

    JSON is YAML, so every client reads it.
    """
    ca = base64.b64encode(ca_file.read_bytes()).decode("ascii")
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": server, "certificate-authority-data": ca}}],
        "users": [{"name": "lab", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": namespace}}],
        "current-context": "lab",
        "preferences": {},
    }
    write_private(path, json.dumps(document, indent=1).encode())
