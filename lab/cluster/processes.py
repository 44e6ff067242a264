"""Processes that outlive whoever starts them: starting one, and telling one from any other that ever has its pid."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event

import psutil

_POLL_SECONDS = 0.02


def spawn_detached(argv: Sequence[str], environ: Mapping[str, str], log: Path) -> int:
    """Start a program in a session of its own with its output appended to `log`; returns its pid."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(argv[0], list(argv), dict(environ), file_actions=actions, setsid=True)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true within that time."""
    deadline = time.monotonic() + seconds
    pause = Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(_POLL_SECONDS)
    return True


def has_ended(pid: int) -> bool:
    """Whether a process that we started is no more."""
    reap_child(pid)
    return start_mark(pid) is None


def reap_child(pid: int) -> None:
    """Take the exit status of a child of ours, so that it does not stay as a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def is_reaped(pid: int) -> bool:
    """Whether a process that is over, threads included, left no entry for us to take; True for children of others."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def start_mark(pid: int) -> str | None:
    """What tells this process from any other that ever had its pid on this boot; None for none, or a zombie.

    On Linux the start time in clock ticks since boot (field 22 of `/proc/PID/stat`, proc(5)) with the boot's id, which
    no change of the clock moves; elsewhere psutil's creation time.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _portable_mark(pid)
    fields = text[text.rindex(")") + 2 :].split()
    if fields[0] in ("Z", "X"):
        return None
    return f"{boot}:{fields[19]}"


def _portable_mark(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return repr(process.create_time())
    except psutil.Error:
        return None
