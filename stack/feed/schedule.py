"""When requests are due: evenly spaced at the rate of the moment, whatever became of the ones before."""

from __future__ import annotations

from stack.feed.plan import Shape, Steady

MOST_BEHIND_SECONDS = 1.0
"""A feed that wakes up later than this plans anew from there: a machine that slept plans no burst."""


class Schedule:
    """Due times, in the seconds of the clock that `now` values come from."""

    def __init__(self, requests_per_second: float, now: float, shape: Shape | None = None) -> None:
        self.change(requests_per_second, now, shape or Steady())

    def change(self, requests_per_second: float, now: float, shape: Shape) -> None:
        """Go on at this rate and in this shape, which begins `now`."""
        self._rate = requests_per_second
        self._shape = shape
        self.begin(now)

    def begin(self, now: float) -> None:
        """Begin the shape `now`; what came due before is not given any more."""
        self._began = self._next = now
        self._advance()

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
            self._advance()
        return times

    def _advance(self) -> None:
        self._next += 1 / (self._rate * self._shape.factor(self._next - self._began))
