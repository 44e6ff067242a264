"""The engine of the device: kernels of several processes take turns in slices, with nothing to keep them apart."""

from __future__ import annotations

from dataclasses import dataclass

_DONE = 1e-9
"""Seconds of work below which a kernel counts as finished."""


@dataclass(slots=True)
class _Kernel:
    owner: int
    left: float


class TimeSlices:
    """
    Shares the engine evenly between the owners that have a kernel on it: processor sharing, which round robin becomes
    when its slices are short. With `n` busy owners each kernel takes `n` times as long.

    An owner has one kernel at a time. Times are seconds of any monotonic clock, given with every call.
    """

    def __init__(self, now: float) -> None:
        self._at = now
        self._kernels: dict[int, _Kernel] = {}
        self._speed = 1.0
        self._busy = 0.0
        self._engine: dict[int, float] = {}

    @property
    def busy_seconds(self) -> float:
        """How long the engine had something to do, until the time last given."""
        return self._busy

    def engine_seconds(self, owner: int) -> float:
        """How much of the engine's time went to `owner`."""
        return self._engine.get(owner, 0.0)

    def set_speed(self, speed: float, now: float) -> list[int]:
        """Run at this share of the full clock from now on; returns owners whose kernel finished until now."""
        done = self.advance(now)
        self._speed = speed
        return done

    def launch(self, owner: int, seconds: float, now: float) -> list[int]:
        """Put a kernel on the engine that takes `seconds` alone at full clock; returns owners that finished by now."""
        done = self.advance(now)
        if owner in self._kernels:
            raise ValueError(f"{owner!r} has a kernel on the engine already")
        self._kernels[owner] = _Kernel(owner, max(seconds, _DONE))
        return done

    def drop(self, owner: int, now: float) -> list[int]:
        """Take the kernel of `owner` off the engine and forget its time; returns others that finished until now."""
        done = [other for other in self.advance(now) if other != owner]
        self._kernels.pop(owner, None)
        self._engine.pop(owner, None)
        return done

    def advance(self, now: float) -> list[int]:
        """Let time pass until `now`; returns the owners whose kernels finished, in the order in which they did."""
        done: list[int] = []
        while self._kernels and now > self._at:
            step = min(now - self._at, self._until_next())
            self._at += step
            self._busy += step
            share = step / len(self._kernels)
            for owner, kernel in list(self._kernels.items()):
                kernel.left -= share * self._speed
                self._engine[owner] = self._engine.get(owner, 0.0) + share
                if kernel.left <= _DONE:
                    del self._kernels[owner]
                    done.append(owner)
        self._at = max(self._at, now)
        return done

    def next_end(self) -> float | None:
        """When the next kernel will finish if nothing changes; None while the engine is idle."""
        return self._at + self._until_next() if self._kernels else None

    def _until_next(self) -> float:
        return min(kernel.left for kernel in self._kernels.values()) * len(self._kernels) / self._speed
