"""
The journal of processes that the cluster started, by which the next start ends what a crash left running.

A process is known by its pid and its start time together, so a pid that another program has by now is left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path

from lab.cluster.processes import start_mark

JOURNAL = "pids.jsonl"


def record(state_dir: Path, pid: int) -> None:
    """Append a process that runs now; one that is gone already is not written."""
    started = start_mark(pid)
    if started is None:
        return
    line = json.dumps({"pid": pid, "started": started}) + "\n"
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / JOURNAL).open("a", encoding="utf-8") as journal:
        journal.write(line)


def alive(state_dir: Path) -> tuple[int, ...]:
    """The pids of the journal that are still the processes it means, oldest first."""
    return tuple(pid for pid, started in _entries(state_dir) if start_mark(pid) == started)


def reap(state_dir: Path) -> int:
    """Kill every journalled process that is still alive, with its group, and empty the journal; returns how many."""
    left = alive(state_dir)
    for pid in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
    (state_dir / JOURNAL).unlink(missing_ok=True)
    return len(left)


def _entries(state_dir: Path) -> list[tuple[int, str]]:
    try:
        lines = (state_dir / JOURNAL).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    found: dict[tuple[int, str], None] = {}
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            found[int(entry["pid"]), str(entry["started"])] = None
    return list(found)
