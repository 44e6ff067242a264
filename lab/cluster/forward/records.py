"""What the forwarder and those who ask for it tell each other: three small files in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.cluster.files import write_private
from lab.cluster.locks import only_one

ASKED = "asked.json"
RUNNING = "running.json"
PORTS = "ports.json"
LOCK = "forward.lock"
LOG = "forward.log"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be forwarded; while this is on disk, a forwarder may run, and ends by itself once it is gone."""

    kubeconfig: str
    namespace: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """What a forwarder says of itself."""

    pid: int
    started: str
    """Tells this process from any later one of the same pid."""
    kubeconfig: str
    namespace: str
    ports: Mapping[str, int]
    """Service to the loopback port that listens for it."""


def read_asked(folder: Path) -> Asked | None:
    """What is asked for now, or None."""
    found = _read(folder / ASKED)
    try:
        return Asked(found["kubeconfig"], found["namespace"], tuple(found["services"]))
    except (KeyError, TypeError):
        return None


def write_asked(folder: Path, asked: Asked) -> None:
    """Ask for these Services."""
    write_private(folder / ASKED, json.dumps(asdict(asked)).encode())


def read_running(folder: Path) -> Running | None:
    """The last record of a forwarder, whether or not it still runs."""
    found = _read(folder / RUNNING)
    try:
        return Running(**found)
    except TypeError:
        return None


def write_running(folder: Path, running: Running) -> None:
    """Publish what this forwarder does."""
    write_private(folder / RUNNING, json.dumps(asdict(running)).encode())


def read_ports(folder: Path) -> dict[str, int]:
    """The port that each Service had last, so that it gets the same again."""
    return {str(name): port for name, port in _read(folder / PORTS).items() if isinstance(port, int)}


def write_ports(folder: Path, ports: Mapping[str, int]) -> None:
    """Remember ports for the next start."""
    write_private(folder / PORTS, json.dumps(dict(sorted(ports.items()))).encode())


def only_forwarder(folder: Path) -> AbstractContextManager[bool]:
    """Hold the lock that a forwarder has while it lives; gives False when another holds it."""
    return only_one(folder / LOCK)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
