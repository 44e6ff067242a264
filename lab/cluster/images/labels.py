"""Names that images of the lab go by."""

from __future__ import annotations

import hashlib

CONTENT_LABEL = "mlops-lab.content"
"""Label with the hash of everything that an image was made from."""

BASE_REPOSITORY = "mlops-lab/stack"
PUBLISHED_IMAGES = ("prom/prometheus:v2.53.3", "prom/alertmanager:v0.28.1")
"""Images that the stack's manifests take from others."""


def content_hash(*parts: bytes) -> str:
    """SHA-256 over parts and their lengths, in hexadecimal."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
