"""When requests are due: evenly spaced, whatever became of the ones before."""

from __future__ import annotations

MOST_BEHIND_SECONDS = 1.0
"""A feed that wakes up later than this plans anew from there: a machine that slept plans no burst."""


class Schedule:
    """Due times at a fixed rate, in the seconds of the clock that `now` values come from."""

    def __init__(self, requests_per_second: float, now: float) -> None:
        self._rate = requests_per_second
        self._origin = now
        self._count = 1
        """Requests since the origin that the next one will complete."""

    @property
    def next_due(self) -> float:
        """When the next request is due."""
        return self._origin + self._count / self._rate

    def due(self, now: float) -> list[float]:
        """The due times that have come by `now`, oldest first; each is given once."""
        if now - self.next_due > MOST_BEHIND_SECONDS:
            self._origin, self._count = now, 0
        times: list[float] = []
        while self.next_due <= now:
            times.append(self.next_due)
            self._count += 1
        return times
