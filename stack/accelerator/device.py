"""A device as programs use it, whatever is behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What is behind a device."""

    CUDA = "cuda"
    EMULATED = "emulated"
    CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Properties:
    """What a device is."""

    kind: Kind
    name: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class MemoryInfo:
    """How a device's memory stands, in bytes, as this process sees it."""

    total: int
    free: int
    """Held by no process."""
    allocated: int
    """Held by this program."""
    reserved: int
    """Held by this process' allocator, with what the program holds of it."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Work for the engine: so many floating-point operations, in so many launches one after the other."""

    flops: float
    launches: int = 1


@dataclass(eq=False, slots=True)
class Buffer:
    """A piece of device memory; `size` is what was asked for, in bytes."""

    size: int
    handle: object


class Device(Protocol):
    """
    One device in one process. Calls block until the device has done what they ask; one thread at a time may call.

    After `DeviceLost` nothing works any more until the process starts anew.
    """

    @property
    def properties(self) -> Properties: ...

    def alloc(self, size: int) -> Buffer:
        """`size` bytes of device memory; raises OutOfMemoryError, DeviceLost."""
        ...

    def free(self, buffer: Buffer) -> None:
        """Give a buffer back to this process' allocator; raises ValueError for one that is not held."""
        ...

    def empty_cache(self) -> None:
        """Give memory that the allocator holds and the program does not back to the device."""
        ...

    def memory_info(self) -> MemoryInfo:
        """How memory stands."""
        ...

    def run(self, kernel: Kernel) -> float:
        """Run a kernel to its end; the seconds from asking to done, others on the device included."""
        ...

    def close(self) -> None:
        """Let go of the device and of all that is held on it."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a process is, for those who look at the device; empty outside of pods."""

    pod: str = ""
    namespace: str = ""
    container: str = ""


def identity_from(environ: Mapping[str, str]) -> Identity:
    """The names in `POD_NAME`, `POD_NAMESPACE` and `CONTAINER_NAME`."""
    return Identity(environ.get("POD_NAME", ""), environ.get("POD_NAMESPACE", ""), environ.get("CONTAINER_NAME", ""))
