"""Takes a replica out of the turn after failures in a row, and lets it back by one request that succeeds."""

from __future__ import annotations

from enum import Enum

LONGEST_EJECTIONS = 6
"""Ejections in a row after which the time out of the turn grows no more."""


class BreakerState(Enum):
    """Whether requests go to the replica; the values are those of `gateway_breaker_state`."""

    CLOSED = 0
    """It takes its turn."""
    HALF_OPEN = 1
    """One request is on its way to see whether it works again."""
    OPEN = 2
    """It gets none."""


class Breaker:
    """
    A circuit breaker (Nygard, "Release It!", 2007) with the growing ejection time of Envoy's outlier detection.

    Times are seconds of one clock. `after` failures in a row open it, none does where that is 0. Who asks decides
    whether it may open at all: the last replicas of a service never should.
    """

    __slots__ = ("_after", "_base", "_ejections", "_failures", "_until", "state")

    def __init__(self, after: int, base_seconds: float) -> None:
        self._after = after
        self._base = base_seconds
        self._failures = 0
        self._ejections = 0
        self._until = 0.0
        self.state = BreakerState.CLOSED

    def allows(self, now: float) -> bool:
        """Whether a request may go there now."""
        return self.state is BreakerState.CLOSED or (self.state is BreakerState.OPEN and now >= self._until)

    def began(self) -> None:
        """A request goes there, which `allows` let pass; when it was open, this request is the probe."""
        if self.state is BreakerState.OPEN:
            self.state = BreakerState.HALF_OPEN

    def succeeded(self) -> bool:
        """Count an answer; whether this closed the breaker."""
        self._failures = 0
        if self.state is BreakerState.CLOSED:
            return False
        self.state = BreakerState.CLOSED
        self._ejections = 0
        return True

    def failed(self, now: float, *, may_open: bool) -> bool:
        """Count a failure; whether this opened the breaker."""
        self._failures += 1
        probe = self.state is BreakerState.HALF_OPEN
        if not probe and (self.state is BreakerState.OPEN or not 0 < self._after <= self._failures or not may_open):
            return False
        self._ejections = min(self._ejections + 1, LONGEST_EJECTIONS)
        self._until = now + self._base * self._ejections
        self.state = BreakerState.OPEN
        return True
