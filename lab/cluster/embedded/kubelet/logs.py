"""
Logs of containers as CRI log lines: `<RFC3339Nano> stdout|stderr F|P text`, `P` where a long line goes on in the next.

One file per start of a container, `<state>/pods/<pod uid>/<container>/<restart>.log`, and at most one turned-over older
part of it, `<restart>.log.1`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

Stream = Literal["stdout", "stderr"]

SIZE_LIMIT = 4 * 1024 * 1024
"""Bytes of one file before it is turned over; with the older part a container keeps at most twice that."""
LINE_LIMIT = 16 * 1024
STARTS_KEPT = 2
"""Starts whose logs are kept: the present one and the one before, for `--previous`."""


def log_path(state_dir: Path, pod_uid: str, container: str, restart: int) -> Path:
    """Where the log of the start number `restart` (0 is the first) lies."""
    return state_dir / "pods" / pod_uid / container / f"{restart}.log"


def log_parts(path: Path) -> tuple[Path, ...]:
    """The existing files of one start, older part first."""
    older = path.with_name(path.name + ".1")
    return tuple(part for part in (older, path) if part.exists())


def rfc3339_nano(moment_ns: int) -> str:
    """Nanoseconds since the epoch as UTC with nine decimals."""
    seconds, nanoseconds = divmod(moment_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}Z"


class LogFile:
    """Turns the bytes that a process writes into stamped lines of one bounded file."""

    def __init__(self, path: Path, *, clock_ns: Callable[[], int] = time.time_ns, size_limit: int = SIZE_LIMIT) -> None:
        self._path = path
        self._clock_ns = clock_ns
        self._size_limit = size_limit
        self._pending: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}
        self._descriptor = -1
        self._size = 0

    def open(self) -> None:
        """Create the file and forget starts older than the ones kept."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        expired = int(self._path.name.removesuffix(".log")) - STARTS_KEPT
        if expired >= 0:
            for name in (f"{expired}.log", f"{expired}.log.1"):
                (self._path.parent / name).unlink(missing_ok=True)

    def write(self, stream: Stream, data: bytes) -> None:
        """Append what was read from one stream; the last, unfinished line waits for its end."""
        *whole, rest = (self._pending[stream] + data).split(b"\n")
        stamp = f"{rfc3339_nano(self._clock_ns())} {stream} ".encode()
        lines: list[bytes] = []
        for line in whole:
            while len(line) > LINE_LIMIT:
                lines.append(stamp + b"P " + line[:LINE_LIMIT])
                line = line[LINE_LIMIT:]
            lines.append(stamp + b"F " + line)
        while len(rest) > LINE_LIMIT:
            lines.append(stamp + b"P " + rest[:LINE_LIMIT])
            rest = rest[LINE_LIMIT:]
        self._pending[stream] = rest
        if lines:
            self._append(b"\n".join(lines) + b"\n")

    def close(self) -> None:
        """Write unfinished lines and close the file; later bytes are dropped."""
        if self._descriptor < 0:
            return
        for stream, rest in self._pending.items():
            if rest:
                self.write(stream, b"\n")
        os.close(self._descriptor)
        self._descriptor = -1

    def _append(self, data: bytes) -> None:
        if self._descriptor < 0:
            return
        if self._size and self._size + len(data) > self._size_limit:
            os.close(self._descriptor)
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._size = 0
        os.write(self._descriptor, data)
        self._size += len(data)
