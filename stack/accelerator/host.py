"""The processor of the machine in the place of a device: what frameworks fall back to."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from stack.accelerator.device import Buffer, Kernel, Kind, MemoryInfo, Properties

FLOPS = 5.0e10
"""Operations a second of the one core that a program gets here; a small server's, in single precision."""


class HostDevice:
    """
    Runs kernels at the speed of a processor, one after the other.

    It waits for as long as they would take instead of computing: what a fallback costs is shown, and no core of this
    machine is worn for it. Memory is not accounted for.
    """

    def __init__(self, wait: Callable[[float], object] | None = None) -> None:
        self._wait = wait or threading.Event().wait
        self._held: set[Buffer] = set()

    @property
    def properties(self) -> Properties:
        """What the machine is."""
        return Properties(Kind.CPU, "cpu", _pages("SC_PHYS_PAGES"))

    def alloc(self, size: int) -> Buffer:
        """A buffer of the machine's memory, in name only."""
        if size < 1:
            raise ValueError(f"{size} bytes cannot be allocated")
        buffer = Buffer(size, None)
        self._held.add(buffer)
        return buffer

    def free(self, buffer: Buffer) -> None:
        """Let go of a buffer."""
        if buffer not in self._held:
            raise ValueError("the buffer is not held")
        self._held.remove(buffer)

    def empty_cache(self) -> None:
        """Nothing is kept."""

    def memory_info(self) -> MemoryInfo:
        """The machine's memory."""
        held = sum(buffer.size for buffer in self._held)
        return MemoryInfo(_pages("SC_PHYS_PAGES"), _pages("SC_AVPHYS_PAGES"), held, held)

    def run(self, kernel: Kernel) -> float:
        """Wait for as long as the kernel would take."""
        began = time.monotonic()
        self._wait(kernel.flops / FLOPS)
        return time.monotonic() - began

    def close(self) -> None:
        """Let go of everything."""
        self._held.clear()


def _pages(name: str) -> int:
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0
