"""The loopback ranges of one cluster: which are its own, and how no other cluster of this machine takes them too."""

from __future__ import annotations

import errno
import hashlib
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

LOCK_PORT = 47011
"""The port on the range's first address that a running cluster holds; the system frees it when the cluster dies."""
_RANGES = 224 * 128
_TRIES = 64


@dataclass(slots=True)
class Ranges:
    """Prefixes of Pods and Services, held until `release`."""

    pod_prefix: str
    service_prefix: str
    lock: socket.socket | None

    def release(self) -> None:
        """Let other clusters have the ranges."""
        if self.lock is not None:
            self.lock.close()


def claim_ranges(state_dir: Path, *, platform: str = sys.platform) -> Ranges:
    """Claim two free /24 ranges of 127/8, the same ones for the same folder while they are free.

    Where only 127.0.0.1 answers, as on macOS, both are that one address and ports are chosen instead.
    """
    single = Ranges("127.0.0.1", "127.0.0.1", None)
    if not platform.startswith("linux"):
        return single
    digest = hashlib.sha256(str(state_dir.resolve()).encode()).digest()
    first = int.from_bytes(digest[:4], "big")
    for step in range(_TRIES):
        number = (first + step) % _RANGES
        head = f"127.{16 + number // 128}"
        third = number % 128 * 2
        lock = _lock(f"{head}.{third}.1")
        if lock is not None:
            return Ranges(f"{head}.{third}.", f"{head}.{third + 1}.", lock)
    return single


def _lock(address: str) -> socket.socket | None:
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.bind((address, LOCK_PORT))
        held.listen(1)
    except OSError as error:
        held.close()
        if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
            return None
        raise
    return held
