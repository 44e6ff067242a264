"""The processes of one lab's cluster, seen from outside: which are alive, and how they are ended for certain."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event

import psutil

from lab.cluster.embedded import journal
from lab.cluster.embedded.certs import write_private
from lab.cluster.embedded.daemon_record import LOCK, DaemonRecord, read_record, remove_record

SPAWNED = "spawned.json"
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


def note_spawned(state_dir: Path, pid: int) -> None:
    """Remember a daemon from its first moment, before it tells of itself."""
    write_private(state_dir / SPAWNED, json.dumps({"pid": pid, "started": journal.start_mark(pid)}).encode())


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
    daemons = _daemons(state_dir)
    if daemons:
        _signal(daemons, signal.SIGTERM)
        if not wait_until(lambda: not _daemons(state_dir), GENTLE_SECONDS):
            _signal(daemons, signal.SIGKILL)
            wait_until(lambda: not _daemons(state_dir), HARD_SECONDS)
        wait_until(lambda: all(_is_reaped(pid) for pid in daemons) and lock_is_free(state_dir), HARD_SECONDS)
    left = members(state_dir)
    while left:
        _signal(left, signal.SIGKILL)
        if not wait_until(lambda: not members(state_dir), HARD_SECONDS):
            break
        left = members(state_dir)
    journal.reap(state_dir)
    remove_record(state_dir)
    (state_dir / SPAWNED).unlink(missing_ok=True)


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


def _is_reaped(pid: int) -> bool:
    """Whether a process that is over, threads included, left no entry for us to take; True for children of others."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


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
        _reap_child(spawned["pid"])
        if spawned["started"] is not None and journal.start_mark(spawned["pid"]) == spawned["started"]:
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
