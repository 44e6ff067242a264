"""Memory and CPU time of process trees: one pass over the processes of this machine serves all containers."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.cluster.embedded.usage import WINDOW_SECONDS, ContainerUsage


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process tree holds and has used."""

    memory_bytes: int
    """Resident bytes of its members, pages that they share counted for each."""
    cpu_seconds: float
    """Of the members alive and of the children that they have waited for."""
    pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    group: int
    session: int
    memory_bytes: int
    cpu_seconds: float


class TreeSampler:
    """
    Samples the process trees of containers, each named by the pid of its first process.

    To a tree belong the members of that process's group and session, and whoever descends from one of them, so that a
    child which makes a session of its own is still charged to its container.
    """

    def __init__(self) -> None:
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._ticks = os.sysconf("SC_CLK_TCK")

    def sample(self, leaders: Collection[int]) -> dict[int, Usage]:
        """The usage of each tree that has a living process."""
        wanted = frozenset(leaders)
        present = {process.pid: process for process in self._processes()} if wanted else {}
        trees: dict[int, list[_Process]] = {}
        for process in present.values():
            leader = _leader(process, present, wanted)
            if leader is not None:
                trees.setdefault(leader, []).append(process)
        return {
            leader: Usage(
                sum(member.memory_bytes for member in members),
                sum(member.cpu_seconds for member in members),
                tuple(member.pid for member in members),
            )
            for leader, members in trees.items()
        }

    def _processes(self) -> Iterator[_Process]:
        for pid in psutil.pids():
            found = self._look(pid)
            if found is not None:
                yield found

    def _look(self, pid: int) -> _Process | None:
        if not _HAS_PROC:
            return _portable_look(pid)
        try:
            descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
            try:
                text = os.read(descriptor, 2048)
            finally:
                os.close(descriptor)
        except OSError:
            return None
        fields = text[text.rindex(b")") + 2 :].split()
        ticks = sum(int(field) for field in fields[11:15])
        return _Process(
            pid, int(fields[1]), int(fields[2]), int(fields[3]), int(fields[21]) * self._page, ticks / self._ticks
        )


_HAS_PROC = sys.platform == "linux"


def _leader(process: _Process, present: Mapping[int, _Process], wanted: frozenset[int]) -> int | None:
    """The tree that a process belongs to, by itself or by the nearest ancestor that belongs to one."""
    seen: set[int] = set()
    step: _Process | None = process
    while step is not None and step.pid not in seen:
        seen.add(step.pid)
        for mark in (step.pid, step.group, step.session):
            if mark in wanted:
                return mark
        step = present.get(step.parent)
    return None


def _portable_look(pid: int) -> _Process | None:
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        spent = times.user + times.system + times.children_user + times.children_system
        memory = process.memory_info().rss
        return _Process(pid, process.ppid(), os.getpgid(pid), os.getsid(pid), memory, spent)
    except (psutil.Error, OSError):
        return None


def proportional_bytes(pids: Iterable[int]) -> int | None:
    """Resident bytes with shared pages split among those that map them (PSS); None where the system does not tell.

    Walks the page tables of each process, some hundred times as dear as `sample`: for the few that matter.
    """
    if not _HAS_PROC:
        return None
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            except PermissionError:
                return None
            total += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0) * 1024
    return total


class UsageMeter:
    """CPU use as a rate over the last seconds, beside the memory last seen."""

    def __init__(self) -> None:
        self._marks: dict[int, deque[tuple[float, float]]] = {}
        self._shown: dict[int, ContainerUsage] = {}

    def take(self, found: Mapping[int, Usage], now: float) -> None:
        """Take one sample of all trees at the time `now` (seconds of any steady clock)."""
        for leader in self._marks.keys() - found.keys():
            del self._marks[leader]
            self._shown.pop(leader, None)
        for leader, usage in found.items():
            marks = self._marks.setdefault(leader, deque())
            marks.append((now, usage.cpu_seconds))
            while len(marks) > 2 and now - marks[1][0] >= WINDOW_SECONDS:
                marks.popleft()
            since, spent = marks[0]
            if now > since:
                cores = max(0.0, usage.cpu_seconds - spent) / (now - since)
                self._shown[leader] = ContainerUsage(cores, usage.memory_bytes)

    def of(self, leader: int) -> ContainerUsage | None:
        """The last values of a tree; None before its second sample."""
        return self._shown.get(leader)
