"""One lab of this user at a time makes or removes the cluster that they share."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event

from lab.errors import ClusterTimeout

WAIT_SECONDS = 600.0
_POLL_SECONDS = 0.2


def machine_folder(environ: Mapping[str, str]) -> Path:
    """A folder that all labs of this user know, whatever folder each keeps its files in."""
    return Path(environ.get("TMPDIR") or "/tmp") / f"mlops-lab-{os.getuid()}"  # noqa: S108


@contextlib.contextmanager
def machine_lock(folder: Path, cluster: str, say: Callable[[str], None]) -> Iterator[int]:
    """
    Hold the lock of that cluster; it is free again when its holder ends, however it ends.

    Gives the descriptor that holds it: a program that inherits it keeps the lock until it ends itself.

    Raises:
        ClusterTimeout: another lab held it all the time.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ClusterTimeout("No lock", f"{folder} belongs to somebody else.", "Set TMPDIR to a folder of your own.")
    with (folder / f"{cluster}.lock").open("a", encoding="ascii") as lock:
        _take(lock.fileno(), cluster, say)
        yield lock.fileno()


def _take(descriptor: int, cluster: str, say: Callable[[str], None]) -> None:
    end, pause, told = time.monotonic() + WAIT_SECONDS, Event(), False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > end:
                raise ClusterTimeout(
                    "The cluster is busy",
                    f"another lab has been starting or ending {cluster} for {WAIT_SECONDS:.0f} s.",
                    "See what it waits for, then repeat.",
                ) from None
            if not told:
                say("waiting for another lab that starts or ends the kind cluster")
                told = True
            pause.wait(_POLL_SECONDS)
        else:
            return
