"""Memory and CPU time of process groups: one pass over `/proc` a second, cheap looks at known members between."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import psutil

SCAN_EVERY = 4
"""Samples between two searches for new members of the groups."""
RATE_SECONDS = 1.0
"""The shortest window that CPU use is averaged over."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process group holds and has used: resident bytes, CPU seconds of the members alive."""

    memory_bytes: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class _Member:
    pid: int
    group: int
    usage: Usage


class GroupSampler:
    """Samples groups named by their leaders' pids; a member that started within the last second may be missing."""

    def __init__(self) -> None:
        self._members: dict[int, int] = {}
        self._samples = 0
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._ticks = os.sysconf("SC_CLK_TCK")

    def sample(self, groups: Collection[int]) -> dict[int, Usage]:
        """The usage of each group that has a living process."""
        wanted = set(groups)
        pids: Collection[int] = {*wanted, *(pid for pid, group in self._members.items() if group in wanted)}
        if self._samples % SCAN_EVERY == 0 and wanted:
            found = [member for member in self._scan() if member.group in wanted]
        else:
            found = [member for member in map(self._look, pids) if member is not None and member.group in wanted]
        self._samples += 1
        self._members = {member.pid: member.group for member in found}
        totals: dict[int, Usage] = {}
        for member in found:
            before = totals.get(member.group, Usage(0, 0.0))
            totals[member.group] = Usage(
                before.memory_bytes + member.usage.memory_bytes, before.cpu_seconds + member.usage.cpu_seconds
            )
        return totals

    def _scan(self) -> Iterator[_Member]:
        for pid in psutil.pids():
            member = self._look(pid)
            if member is not None:
                yield member

    def _look(self, pid: int) -> _Member | None:
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
        usage = Usage(int(fields[21]) * self._page, (int(fields[11]) + int(fields[12])) / self._ticks)
        return _Member(pid, int(fields[2]), usage)


_HAS_PROC = sys.platform == "linux"


def _portable_look(pid: int) -> _Member | None:
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        return _Member(pid, os.getpgid(pid), Usage(process.memory_info().rss, times.user + times.system))
    except (psutil.Error, OSError):
        return None


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """What `top` shows of a container."""

    cpu_cores: float
    memory_bytes: int


class UsageMeter:
    """CPU use as a rate over windows of a second or more, beside the memory last seen."""

    def __init__(self) -> None:
        self._marks: dict[int, tuple[float, float]] = {}
        self._shown: dict[int, ContainerUsage] = {}

    def take(self, found: Mapping[int, Usage], now: float) -> None:
        """Take one sample of all groups at the time `now` (seconds of any steady clock)."""
        for group in set(self._marks) - set(found):
            del self._marks[group]
            self._shown.pop(group, None)
        for group, usage in found.items():
            since, spent = self._marks.setdefault(group, (now, usage.cpu_seconds))
            cores = self._shown[group].cpu_cores if group in self._shown else 0.0
            if now - since >= RATE_SECONDS:
                cores = max(0.0, usage.cpu_seconds - spent) / (now - since)
                self._marks[group] = (now, usage.cpu_seconds)
            self._shown[group] = ContainerUsage(cores, usage.memory_bytes)

    def of(self, group: int) -> ContainerUsage | None:
        """The last values of a group."""
        return self._shown.get(group)
