"""The newest predictions, for whoever joins them with what happened."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable

CAPACITY = 20_000
"""Predictions that are kept."""

MOST_AT_ONCE = 5_000
"""Predictions in one answer; whoever is further behind asks again."""


class PredictionRing:
    """A bounded log of predictions, numbered from 1 without gaps in this process; kept as JSON, as it is handed out."""

    def __init__(self, now: Callable[[], float], capacity: int = CAPACITY) -> None:
        self._now = now
        self._entries: deque[bytes] = deque(maxlen=capacity)
        self.last = 0
        """Number of the newest prediction; 0 when there was none."""

    def add(self, identifier: str, probability: float, model_version: str, replica: str) -> None:
        """Log one prediction at the present time."""
        self.last += 1
        entry = {
            "seq": self.last,
            "id": identifier,
            "p": probability,
            "model_version": model_version,
            "replica": replica,
            "at": round(self._now(), 3),
        }
        self._entries.append(json.dumps(entry, separators=(",", ":")).encode())

    def after(self, seq: int) -> bytes:
        """
        The JSON document `{"last", "predictions"}` with the predictions numbered above `seq`, oldest first.

        `last` is the number of the newest one in the answer, or of all when there is none; a `seq` above it means that
        this process began anew, and that the reader should begin with 0.
        """
        first = self.last - len(self._entries) + 1
        begin = max(seq + 1, first) - first
        wanted = [self._entries[index] for index in range(begin, min(begin + MOST_AT_ONCE, len(self._entries)))]
        last = first + begin + len(wanted) - 1 if wanted else self.last
        return b'{"last":%d,"predictions":[%b]}' % (last, b",".join(wanted))
