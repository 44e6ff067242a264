"""What the emulated device is: sizes, speeds, clocks and how warm it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stack.wire.component import number_from

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """
    One device; the figures are those of a small inference card, round numbers, no product's.

    Power in watts, temperature in degrees Celsius, clocks in MHz, times in seconds.
    """

    name: str = "Lab Accelerator 16GB"
    uuid: str = "GPU-5f1c0a52-7d1e-4c7b-9a55-0c4f6f1b2e10"
    driver: str = "550.54.15"
    memory_bytes: int = 16 * GIB
    reserved_bytes: int = 256 * MIB
    """Kept by the driver; nobody can allocate it."""
    context_bytes: int = 300 * MIB
    """What every process takes for its context, before it allocates anything."""
    flops: float = 8.0e12
    """Floating-point operations a second at the full clock."""
    launch_seconds: float = 50e-6
    """Device time of a kernel that computes nothing."""
    idle_watts: float = 30.0
    full_watts: float = 250.0
    ambient: float = 27.0
    degrees_per_watt: float = 0.2
    """Rise over the surroundings in the long run, with cooling in order."""
    warm_up_seconds: float = 12.0
    """Time constant of the temperature; compressed, as time is everywhere in this lab."""
    slowdown: float = 83.0
    """Above it the clock is lowered."""
    clock_per_degree: float = 0.06
    """Share of the clock that is taken away for each degree above `slowdown`."""
    lowest_clock: float = 0.2
    """Share of the clock that is left at least."""
    sm_clock: int = 1590
    memory_clock: int = 5000
    idle_clock: int = 300

    @property
    def usable_bytes(self) -> int:
        """What processes can allocate together."""
        return self.memory_bytes - self.reserved_bytes


def spec_from(environ: Mapping[str, str]) -> DeviceSpec:
    """
    The device that the environment describes: `MEMORY_GIB` (1 to 640) and `TFLOPS` (0.01 to 10000), else the default.

    Raises:
        StartError: one of them is no such number.
    """
    plain = DeviceSpec()
    memory = number_from(environ, "MEMORY_GIB", plain.memory_bytes / GIB, low=1, high=640)
    teraflops = number_from(environ, "TFLOPS", plain.flops / 1e12, low=0.01, high=10_000)
    return replace(
        plain,
        name=f"Lab Accelerator {memory:g}GB",
        memory_bytes=round(memory * GIB),
        flops=teraflops * 1e12,
    )
