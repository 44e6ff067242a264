"""The processes of one lab's cluster, seen from outside: which are alive, and how they are ended for certain."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

from lab.cluster.embedded import journal
from lab.cluster.embedded.daemon_record import LOCK, DaemonRecord, read_record, remove_record
from lab.cluster.files import write_private
from lab.cluster.processes import is_reaped, reap_child, start_mark, wait_until

SPAWNED = "spawned.json"
GENTLE_SECONDS = 8.0
HARD_SECONDS = 5.0


def note_spawned(state_dir: Path, pid: int) -> None:
    """Remember a daemon from its first moment, before it tells of itself."""
    write_private(state_dir / SPAWNED, json.dumps({"pid": pid, "started": start_mark(pid)}).encode())


def lock_is_free(state_dir: Path) -> bool:
    """Whether no daemon holds this state folder."""
    with (state_dir / LOCK).open("a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def running_daemon(state_dir: Path) -> DaemonRecord | None:
    """The daemon that runs for this state folder now, or None."""
    record = read_record(state_dir)
    if record is None:
        return None
    reap_child(record.pid)
    return record if start_mark(record.pid) == record.started else None


def members(state_dir: Path) -> tuple[int, ...]:
    """The processes of containers that are alive: journalled ones and whatever they started in their sessions."""
    leaders = _journalled(state_dir)
    alive = set(journal.alive(state_dir))
    orphaned = {pid for pid in leaders if pid not in alive and start_mark(pid) is None}
    sessions = alive | orphaned
    found = [*sorted(alive)]
    for pid in psutil.pids() if sessions else ():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if pid not in alive and os.getsid(pid) in sessions and start_mark(pid) is not None:
                found.append(pid)
    return tuple(found)


def end_everything(state_dir: Path) -> None:
    """End daemon and containers: SIGTERM and patience for the daemon, then SIGKILL for whatever is left."""
    daemons = _daemons(state_dir)
    if daemons:
        _signal(daemons, signal.SIGTERM)
        if not wait_until(lambda: not _daemons(state_dir), GENTLE_SECONDS):
            _signal(daemons, signal.SIGKILL)
            wait_until(lambda: not _daemons(state_dir), HARD_SECONDS)
        wait_until(lambda: all(is_reaped(pid) for pid in daemons) and lock_is_free(state_dir), HARD_SECONDS)
    left = members(state_dir)
    while left:
        _signal(left, signal.SIGKILL)
        if not wait_until(lambda: not members(state_dir), HARD_SECONDS):
            break
        left = members(state_dir)
    journal.reap(state_dir)
    remove_record(state_dir)
    (state_dir / SPAWNED).unlink(missing_ok=True)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _daemons(state_dir: Path) -> tuple[int, ...]:
    """The daemon that tells of itself, and the one that was spawned last, as far as they run."""
    found: dict[int, None] = {}
    record = running_daemon(state_dir)
    if record is not None:
        found[record.pid] = None
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        spawned = json.loads((state_dir / SPAWNED).read_text(encoding="utf-8"))
        reap_child(spawned["pid"])
        if spawned["started"] is not None and start_mark(spawned["pid"]) == spawned["started"]:
            found[spawned["pid"]] = None
    return tuple(found)


def _journalled(state_dir: Path) -> set[int]:
    try:
        lines = (state_dir / journal.JOURNAL).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return set()
    found: set[int] = set()
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found.add(int(json.loads(line)["pid"]))
    return found
