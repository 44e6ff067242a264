"""What a device refuses, in the process that asked."""

from __future__ import annotations

from dataclasses import dataclass


def human(bytes_: int) -> str:
    """A size as people read it: `512 B`, `20.00 MiB`, `2.50 GiB`."""
    if bytes_ < 1024:
        return f"{bytes_} B"
    size, unit = bytes_ / 1024, "KiB"
    for larger in ("MiB", "GiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.2f} {unit}"


class AcceleratorError(Exception):
    """Something that the device, or the way to it, refused."""


class DeviceUnavailable(AcceleratorError):
    """There is no device to open, or it takes no more processes."""


class DeviceLost(AcceleratorError):
    """The device, or this process' context on it, is gone; every further call fails until the process starts anew."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """How memory stood when a request could not be met; all figures in bytes."""

    tried: int
    """What the program asked for."""
    total: int
    """Memory of the device."""
    free: int
    """Memory that no process holds; it may lie in pieces."""
    process: int
    """Held by this process, its context included."""
    allocated: int
    """Held by the program."""
    reserved: int
    """Held by this process' allocator, with what the program holds of it."""


class OutOfMemoryError(AcceleratorError):
    """Device memory does not suffice; raised by the asking process' own allocator, after it gave back its cache."""

    def __init__(self, shortage: Shortage) -> None:
        idle = shortage.reserved - shortage.allocated
        super().__init__(
            f"out of device memory: tried to allocate {human(shortage.tried)}; the device has {human(shortage.total)}, "
            f"{human(shortage.free)} of it free. This process uses {human(shortage.process)}: the program holds "
            f"{human(shortage.allocated)}, and {human(idle)} is reserved but unallocated"
        )
        self.shortage = shortage
