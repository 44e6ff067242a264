"""How many clients may poll: the first ones to come are answered for as long as they go on, others are refused."""

from __future__ import annotations

WINDOW_SECONDS = 10.0
"""A client that did not poll for so long gives its place to another."""


class ClientLimit:
    """At most `most` clients per window, in order of first arrival; None lets everybody through."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._last: dict[str, float] = {}

    def admits(self, client: str, now: float) -> bool:
        """Whether a poll of this client at `now`, in seconds of any steady clock, is answered."""
        if self._most is None:
            return True
        self._last = {name: at for name, at in self._last.items() if now - at < WINDOW_SECONDS}
        if client not in self._last and len(self._last) >= self._most:
            return False
        self._last[client] = now
        return True
