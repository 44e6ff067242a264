"""The journal of a run: one event per line, on disk before anything acts on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lab.errors import RunVoid
from lab.incident.events import RUN_EVENT, RunEvent


@dataclass(frozen=True, slots=True)
class Journal:
    """An append-only file of events as JSON lines; a line torn by a crash is dropped, a damaged one is an error."""

    path: Path

    def append(self, event: RunEvent) -> None:
        """Write one event and return once it is on disk; drops the torn end that a crash may have left."""
        line = RUN_EVENT.dump_json(event) + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            end = _whole_length(descriptor)
            os.ftruncate(descriptor, end)
            os.lseek(descriptor, end, os.SEEK_SET)
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> list[RunEvent]:
        """
        All events, oldest first; empty where there is no file.

        Raises:
            RunVoid: a line other than a torn last one is not an event.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        events = []
        for number, line in enumerate(lines[:-1], start=1):
            try:
                events.append(RUN_EVENT.validate_json(line))
            except ValidationError as error:
                raise RunVoid(
                    "The journal of the run is damaged",
                    f"{self.path}:{number} is not an event: {error.errors()[0]['msg']}",
                    "The run cannot be judged; abort it with `lab incident abort` and start again.",
                ) from error
        return events


def _whole_length(descriptor: int) -> int:
    """Length of the file up to and with its last newline, in bytes."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 4096)
        cut = os.pread(descriptor, end - start, start).rfind(b"\n")
        if cut >= 0:
            return start + cut + 1
        end = start
    return 0
