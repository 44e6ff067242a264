"""A stand-in for PyTorch with the calls that the real device makes: what they are given, and how they fail."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class OutOfMemory(RuntimeError):
    """As torch.cuda.OutOfMemoryError is one."""


class Cuda:
    """`torch.cuda` with a number of bytes."""

    OutOfMemoryError = OutOfMemory

    def __init__(self, total: int) -> None:
        self.total = total
        self.held = 0
        self.cached = 0
        self.broken = ""

    def get_device_properties(self, device: int) -> Any:
        return SimpleNamespace(name="A device", total_memory=self.total)

    def mem_get_info(self) -> tuple[int, int]:
        return self.total - self.held - self.cached, self.total

    def memory_allocated(self) -> int:
        return self.held

    def memory_reserved(self) -> int:
        return self.held + self.cached

    def empty_cache(self) -> None:
        self.cached = 0

    def synchronize(self) -> None:
        if self.broken:
            raise RuntimeError(f"{self.broken}\nlines of advice for developers")


class Tensor:
    """Holds bytes until nothing refers to it, which then stay cached."""

    def __init__(self, cuda: Cuda, size: int) -> None:
        self._cuda, self._size = cuda, size
        cuda.held += size

    def __del__(self) -> None:
        self._cuda.held -= self._size
        self._cuda.cached += self._size


class Torch:
    """`torch`."""

    uint8 = "uint8"

    def __init__(self, total: int) -> None:
        self.cuda = Cuda(total)
        self.products = 0

    def empty(self, size: int, dtype: str, device: str) -> Tensor:
        if self.cuda.broken:
            raise RuntimeError(self.cuda.broken)
        if size > self.cuda.total - self.cuda.held:
            raise OutOfMemory("CUDA out of memory.")
        return Tensor(self.cuda, size)

    def rand(self, shape: tuple[int, int], device: str) -> Tensor:
        return self.empty(4 * shape[0] * shape[1], self.uint8, device)

    def matmul(self, left: Tensor, right: Tensor, out: Tensor) -> None:
        self.products += 1
