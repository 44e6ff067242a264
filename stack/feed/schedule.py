"""When requests are due: evenly spaced, whatever became of the ones before."""

from __future__ import annotations

MOST_BEHIND_SECONDS = 1.0
"""A feed that wakes up later than this plans anew from there: a machine that slept plans no burst."""


class Schedule:
    """Due times at a fixed rate, in the seconds of the clock that `now` values come from."""

    def __init__(self, requests_per_second: float, now: float) -> None:
        self._interval = 1.0 / requests_per_second
        self._next = now + self._interval

    @property
    def next_due(self) -> float:
        """When the next request is due."""
        return self._next

    def due(self, now: float) -> list[float]:
        """The due times that have come by `now`, oldest first; each is given once."""
        if now - self._next > MOST_BEHIND_SECONDS:
            self._next = now
        times: list[float] = []
        while self._next <= now:
            times.append(self._next)
            self._next += self._interval
        return times
