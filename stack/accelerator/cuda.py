"""A real device by PyTorch, where it is installed and sees one."""

from __future__ import annotations

import importlib
import importlib.util
import time
from contextlib import suppress
from typing import Any

from stack.accelerator.device import Buffer, Kernel, Kind, MemoryInfo, Properties
from stack.accelerator.errors import DeviceLost, DeviceUnavailable, OutOfMemoryError, Shortage

EDGE = 1024
"""Edge of the square matrices that kernels multiply; a product of two takes `2 * EDGE ** 3` operations."""


class CudaDevice:
    """The first CUDA device. Memory is PyTorch's, kernels multiply matrices until their operations are done."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._held: set[Buffer] = set()
        self._factors: tuple[Any, Any, Any] | None = None

    @classmethod
    def open(cls) -> CudaDevice:
        """
        The device, with its context made.

        Raises:
            DeviceUnavailable: PyTorch is not installed, sees no device, or cannot use it.
        """
        if importlib.util.find_spec("torch") is None:
            raise DeviceUnavailable("PyTorch is not installed")
        try:
            torch: Any = importlib.import_module("torch")
        except (ImportError, OSError) as error:
            raise DeviceUnavailable(f"PyTorch cannot be loaded: {error}") from error
        if not torch.cuda.is_available():
            raise DeviceUnavailable("PyTorch sees no CUDA device")
        try:
            torch.cuda.init()
            torch.cuda.synchronize()
        except RuntimeError as error:
            raise DeviceUnavailable(f"the CUDA device cannot be used: {_first_line(error)}") from error
        return cls(torch)

    @property
    def properties(self) -> Properties:
        """What the device is."""
        found = self._torch.cuda.get_device_properties(0)
        return Properties(Kind.CUDA, str(found.name), int(found.total_memory))

    def alloc(self, size: int) -> Buffer:
        """`size` bytes; raises OutOfMemoryError where PyTorch's own allocator gives up."""
        if size < 1:
            raise ValueError(f"{size} bytes cannot be allocated")
        torch = self._torch
        try:
            buffer = Buffer(size, torch.empty(size, dtype=torch.uint8, device="cuda"))
        except torch.cuda.OutOfMemoryError as error:
            raise OutOfMemoryError(self._shortage(size)) from error
        except RuntimeError as error:
            raise DeviceLost(_first_line(error)) from error
        self._held.add(buffer)
        return buffer

    def free(self, buffer: Buffer) -> None:
        """Give a buffer back to PyTorch's allocator."""
        if buffer not in self._held:
            raise ValueError("the buffer is not held")
        self._held.remove(buffer)
        buffer.handle = None

    def empty_cache(self) -> None:
        """Give what PyTorch caches back to the device."""
        self._torch.cuda.empty_cache()

    def memory_info(self) -> MemoryInfo:
        """How memory stands."""
        free, total = self._torch.cuda.mem_get_info()
        return MemoryInfo(total, free, self._torch.cuda.memory_allocated(), self._torch.cuda.memory_reserved())

    def run(self, kernel: Kernel) -> float:
        """Multiply matrices for at least as many operations, in at least as many launches, and wait for the end."""
        torch = self._torch
        began = time.monotonic()
        try:
            if self._factors is None:
                made = [torch.rand((EDGE, EDGE), device="cuda") for _ in range(3)]
                self._factors = (made[0], made[1], made[2])
            left, right, product = self._factors
            for _ in range(max(kernel.launches, round(kernel.flops / (2 * EDGE**3)), 1)):
                torch.matmul(left, right, out=product)
            torch.cuda.synchronize()
        except torch.cuda.OutOfMemoryError as error:
            raise OutOfMemoryError(self._shortage(3 * 4 * EDGE**2)) from error
        except RuntimeError as error:
            raise DeviceLost(_first_line(error)) from error
        return time.monotonic() - began

    def close(self) -> None:
        """Let go of all memory; the context itself stays until the process ends."""
        for buffer in self._held:
            buffer.handle = None
        self._held.clear()
        self._factors = None
        with suppress(RuntimeError):
            self._torch.cuda.empty_cache()

    def _shortage(self, tried: int) -> Shortage:
        memory = self.memory_info()
        return Shortage(tried, memory.total, memory.free, memory.reserved, memory.allocated, memory.reserved)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
