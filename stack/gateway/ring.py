"""The newest predictions, for whoever joins them with what happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

CAPACITY = 20_000
"""Predictions that are kept."""

MOST_AT_ONCE = 5_000
"""Predictions in one answer; whoever is further behind asks again."""


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """One prediction, as it is handed out."""

    seq: int
    id: str
    p: float
    model_version: str
    replica: str
    at: float
    features: bytes
    """Twelve little-endian FP32 values in the order of the model's input, NaN for missing; base64 in JSON."""


class _Page(msgspec.Struct):
    last: int
    predictions: list[Prediction]


_encode = msgspec.json.Encoder().encode


class PredictionRing:
    """A bounded log of predictions, numbered from 1 without gaps in this process."""

    def __init__(self, now: Callable[[], float], capacity: int = CAPACITY) -> None:
        self._now = now
        self._entries: deque[Prediction] = deque(maxlen=capacity)
        self.last = 0
        """Number of the newest prediction; 0 when there was none."""

    def add(self, identifier: str, probability: float, model_version: str, replica: str, features: bytes = b"") -> None:
        """Log one prediction at the present time, with what it was made from where that is known."""
        self.last += 1
        at = round(self._now(), 3)
        self._entries.append(Prediction(self.last, identifier, probability, model_version, replica, at, features))

    def after(self, seq: int) -> bytes:
        """
        The JSON document `{"last", "predictions"}` with the predictions numbered above `seq`, oldest first.

        `last` is the number of the newest one in the answer, or of all when there is none; a `seq` above it means that
        this process began anew, and that the reader should begin with 0.
        """
        first = self.last - len(self._entries) + 1
        begin = max(seq + 1, first) - first
        wanted = [self._entries[index] for index in range(begin, min(begin + MOST_AT_ONCE, len(self._entries)))]
        return _encode(_Page(wanted[-1].seq if wanted else self.last, wanted))
