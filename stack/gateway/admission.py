"""How many requests are worked on at once; the rest is turned away at once instead of waiting in line."""

from __future__ import annotations

from collections.abc import Callable

RETRY_AFTER_SECONDS = 1
"""When a caller that was turned away may try again."""


class Admission:
    """
    A bound on concurrency. By Little's law `limit` requests in flight, at a mean of `t` seconds, are `limit / t` a
    second: where answers become slow the bound keeps the line short, and callers hear of it while they still wait.
    """

    def __init__(self, limit: int, shed: Callable[[], None]) -> None:
        self._limit = limit
        self._shed = shed
        self.in_flight = 0

    def enter(self) -> bool:
        """Whether one more request may begin; `leave` follows."""
        if self.in_flight >= self._limit:
            self._shed()
            return False
        self.in_flight += 1
        return True

    def leave(self) -> None:
        """A request that had entered is done."""
        self.in_flight -= 1
