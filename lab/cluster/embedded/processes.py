"""The processes of one lab's cluster, seen from outside: which are alive, and how they are ended for certain."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event

import psutil

from lab.cluster.embedded import journal
from lab.cluster.embedded.daemon_record import DaemonRecord, read_record, remove_record

POLL_SECONDS = 0.02
GENTLE_SECONDS = 8.0
HARD_SECONDS = 5.0


def spawn_detached(argv: Sequence[str], environ: Mapping[str, str], log: Path) -> int:
    """Start a program in a session of its own with its output appended to `log`; returns its pid."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(argv[0], list(argv), dict(environ), file_actions=actions, setsid=True)


def running_daemon(state_dir: Path) -> DaemonRecord | None:
    """The daemon that runs for this state folder now, or None."""
    record = read_record(state_dir)
    if record is None:
        return None
    _reap_child(record.pid)
    return record if journal.start_mark(record.pid) == record.started else None


def members(state_dir: Path) -> tuple[int, ...]:
    """The processes of containers that are alive: journalled ones and whatever they started in their sessions."""
    leaders = _journalled(state_dir)
    alive = set(journal.alive(state_dir))
    orphaned = {pid for pid in leaders if pid not in alive and journal.start_mark(pid) is None}
    sessions = alive | orphaned
    found = [*sorted(alive)]
    for pid in psutil.pids() if sessions else ():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if pid not in alive and os.getsid(pid) in sessions and journal.start_mark(pid) is not None:
                found.append(pid)
    return tuple(found)


def end_everything(state_dir: Path) -> None:
    """End daemon and containers: SIGTERM and patience for the daemon, then SIGKILL for whatever is left."""
    record = running_daemon(state_dir)
    if record is not None:
        _signal((record.pid,), signal.SIGTERM)
        if not wait_until(lambda: running_daemon(state_dir) is None, GENTLE_SECONDS):
            _signal((record.pid,), signal.SIGKILL)
            wait_until(lambda: running_daemon(state_dir) is None, HARD_SECONDS)
        _reap_child(record.pid)
    left = members(state_dir)
    while left:
        _signal(left, signal.SIGKILL)
        if not wait_until(lambda: not members(state_dir), HARD_SECONDS):
            break
        left = members(state_dir)
    journal.reap(state_dir)
    remove_record(state_dir)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true within that time."""
    deadline = time.monotonic() + seconds
    pause = Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(POLL_SECONDS)
    return True


def has_ended(pid: int) -> bool:
    """Whether a process that we started is no more."""
    _reap_child(pid)
    return journal.start_mark(pid) is None


def _reap_child(pid: int) -> None:
    """Take the exit status of a child of ours, so that it does not stay as a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


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
