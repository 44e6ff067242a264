"""How warm the device gets, and what it does about it."""

from __future__ import annotations

import math
from enum import IntFlag

from stack.accelerator.spec import DeviceSpec


class Throttle(IntFlag):
    """Why the clock is lower than it could be; the bits of NVML's clocks event reasons (nvml.h)."""

    NONE = 0
    IDLE = 0x1
    THERMAL_SOFTWARE = 0x20
    THERMAL_HARDWARE = 0x40


class Heat:
    """
    Temperature as a first-order system: it moves towards `ambient + resistance * watts`, with one time constant.

    Above the slowdown temperature the clock falls in proportion, and with it power: the device holds itself there.
    """

    def __init__(self, spec: DeviceSpec) -> None:
        self._spec = spec
        self.watts = spec.idle_watts
        self.celsius = spec.ambient + spec.degrees_per_watt * spec.idle_watts
        self.clock = 1.0
        """Share of the full clock that the device may run at."""

    def step(self, busy: float, cooling: float, seconds: float) -> None:
        """Let `seconds` pass with the engine `busy` for that share of them; `cooling` is 1 when fans are in order."""
        spec = self._spec
        self.watts = spec.idle_watts + (spec.full_watts - spec.idle_watts) * busy * self.clock
        target = spec.ambient + spec.degrees_per_watt / cooling * self.watts
        self.celsius += (target - self.celsius) * (1.0 - math.exp(-seconds / spec.warm_up_seconds))
        over = max(0.0, self.celsius - spec.slowdown)
        self.clock = max(spec.lowest_clock, 1.0 - spec.clock_per_degree * over)

    def reasons(self, busy: float) -> Throttle:
        """Why the clock is what it is, with the engine `busy` for that share of the last second."""
        if self.clock <= self._spec.lowest_clock:
            return Throttle.THERMAL_SOFTWARE | Throttle.THERMAL_HARDWARE
        if self.clock < 1.0:
            return Throttle.THERMAL_SOFTWARE
        return Throttle.IDLE if busy == 0.0 else Throttle.NONE

    def sm_clock(self, busy: float) -> float:
        """Clock of the engine in MHz."""
        return float(self._spec.idle_clock) if busy == 0.0 else self._spec.sm_clock * self.clock
