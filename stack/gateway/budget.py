"""How many retries there may be, so that they never become the load that keeps everything down."""

from __future__ import annotations

WINDOW_SECONDS = 10
"""How long requests count."""


class RetryBudget:
    """
    Allows a retry while `retries < ratio * requests + reserve * window`, counted over the last `WINDOW_SECONDS`.

    This is the retry budget of Finagle (`RetryBudget`: `percentCanRetry`, `minRetriesPerSec`, `ttl`); Google's SRE book
    gives the same bound for a client, 10 % of its requests ("Handling Overload", 2016). Without one, a service that
    refuses everything gets twice its load.
    """

    def __init__(self, ratio: float, reserve: float) -> None:
        self._ratio = ratio
        self._reserve = reserve * WINDOW_SECONDS
        self._requests = [0] * WINDOW_SECONDS
        self._retries = [0] * WINDOW_SECONDS
        self._second = 0

    def requested(self, now: float) -> None:
        """Count a request at `now` seconds."""
        second = int(now)
        if second != self._second:
            self._forget(second)
        self._requests[second % WINDOW_SECONDS] += 1

    def take(self, now: float) -> bool:
        """Whether there may be a retry at `now` seconds; if so, it is counted."""
        self._forget(int(now))
        if sum(self._retries) + 1 > self._ratio * sum(self._requests) + self._reserve:
            return False
        self._retries[self._second % WINDOW_SECONDS] += 1
        return True

    def _forget(self, second: int) -> None:
        """Move on to `second` and drop what is older than the window."""
        for passed in range(max(self._second + 1, second - WINDOW_SECONDS + 1), second + 1):
            self._requests[passed % WINDOW_SECONDS] = 0
            self._retries[passed % WINDOW_SECONDS] = 0
        self._second = max(self._second, second)
