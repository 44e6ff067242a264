"""
Which ports are really in force, where the one that a manifest names cannot be bound.

The choice is published on the Pod or Service as the annotation `mlops-lab/ports`, a JSON object from the declared port
to the one in force; a port that is not listed is in force as declared.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

ANNOTATION = "mlops-lab/ports"

Bindable = Callable[[str, int], bool]


def can_bind(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
            trial.listen(1)
        except OSError:
            return False
    return True


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that holds host and port without listening: connections are refused until it does.

    Raises:
        OSError: something else has them.
    """
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((host, port))
    except OSError:
        held.close()
        raise
    return held


def free_port(host: str) -> int:
    """A port of `host` that nothing is bound to now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as trial:
        trial.bind((host, 0))
        port: int = trial.getsockname()[1]
    return port


def chosen(obj: dict[str, Any]) -> dict[int, int]:
    """The published choices of a Pod or Service: declared port to port in force."""
    text = (obj["metadata"].get("annotations") or {}).get(ANNOTATION)
    if not text:
        return {}
    try:
        return {int(declared): int(real) for declared, real in json.loads(text).items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def choose(
    host: str, declared: Iterable[int], *, before: dict[int, int], taken: set[tuple[str, int]], bindable: Bindable
) -> dict[int, int]:
    """For each declared TCP port that cannot be had on `host`, another one: the one chosen `before` where that is free.

    `taken` are (host, port) pairs promised to others, bound or not; what is chosen or confirmed is added to it.
    """
    choices: dict[int, int] = {}
    for port in declared:
        real = port
        candidates = [before.get(port, port), port]
        for candidate in candidates:
            if (host, candidate) not in taken and bindable(host, candidate):
                real = candidate
                break
        else:
            real = free_port(host)
            while (host, real) in taken:
                real = free_port(host)
        taken.add((host, real))
        if real != port:
            choices[port] = real
    return choices


def published(obj: dict[str, Any], choices: dict[int, int]) -> dict[str, Any]:
    """A copy of the object that carries these choices, or none where they are empty."""
    meta = dict(obj["metadata"])
    annotations = {key: value for key, value in (meta.get("annotations") or {}).items() if key != ANNOTATION}
    if choices:
        annotations[ANNOTATION] = json.dumps({str(declared): real for declared, real in sorted(choices.items())})
    if annotations or "annotations" in meta:
        meta["annotations"] = annotations
    return {**obj, "metadata": meta}
