"""What a running daemon says of itself to other processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.cluster.files import write_private

RECORD = "daemon.json"
LOCK = "daemon.lock"
"""Held by the running daemon of a state folder."""


@dataclass(frozen=True, slots=True)
class DaemonRecord:
    """One start of a daemon, written once its API listens."""

    pid: int
    started: str
    """Tells this process from any later one of the same pid."""
    port: int
    pod_prefix: str
    service_prefix: str


def read_record(state_dir: Path) -> DaemonRecord | None:
    """The last record, whether or not its process still runs; None when there is none."""
    try:
        return DaemonRecord(**json.loads((state_dir / RECORD).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_record(state_dir: Path, record: DaemonRecord) -> None:
    """Publish the record, readable by its owner only."""
    write_private(state_dir / RECORD, json.dumps(asdict(record)).encode())


def remove_record(state_dir: Path) -> None:
    """Take the record back; nothing happens if there is none."""
    (state_dir / RECORD).unlink(missing_ok=True)
