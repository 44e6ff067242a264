"""The newest predictions, joined with what became of the flights."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

WINDOW = 500
"""Predictions of a window."""
LONG_WINDOW = 2000
"""Predictions of the window for what is weak."""
SETTLE = 450
"""
Predictions after which practically every outcome is known: the feed tells half within 160, and the slowest hundredth,
as in life, after 2.5 times as many. Younger windows know too few late flights, which take longer to land.
"""
CAPACITY = max(LONG_WINDOW, SETTLE + 2 * WINDOW) + 1
"""Predictions that are kept: one more than the longest window, which has to see what leaves it."""

EARLY_TRUTHS = 2_000
"""Outcomes that may wait for a prediction that was not seen yet."""


@dataclass(slots=True)
class Prediction:
    """One prediction."""

    id: str
    probability: float
    origin: str = ""
    carrier: str = ""
    version: str = ""
    replica: str = ""
    codes: bytes = b""
    """The bin of each feature; empty where the features are not known."""
    wrong: tuple[int, ...] = ()
    """Which features are out of their range or of the wrong type."""
    late: bool | None = None
    """None while the outcome is not known."""


class Predictions:
    """
    Joins predictions and truths by the flight's id, each used once, in whatever order they come.

    A flight that is replayed is another prediction with the same id: a truth goes to the oldest one still without.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._newest: deque[Prediction] = deque()
        self._unlabelled: dict[str, deque[Prediction]] = {}
        self._early: dict[str, deque[bool]] = {}
        self._early_order: deque[str] = deque()

    def __len__(self) -> int:
        return len(self._newest)

    def add(self, prediction: Prediction) -> None:
        """Take a prediction."""
        if prediction.late is None:
            prediction.late = self._take_early(prediction.id)
        self._newest.append(prediction)
        if prediction.late is None:
            self._unlabelled.setdefault(prediction.id, deque()).append(prediction)
        if len(self._newest) > self._capacity:
            self._forget(self._newest.popleft())

    def known(self, flight_id: str, late: bool) -> None:
        """Take the outcome of a flight."""
        waiting = self._unlabelled.get(flight_id)
        if waiting:
            waiting.popleft().late = late
            if not waiting:
                del self._unlabelled[flight_id]
            return
        self._early.setdefault(flight_id, deque()).append(late)
        self._early_order.append(flight_id)
        while len(self._early_order) > EARLY_TRUTHS:
            self._take_early(self._early_order[0])

    def back(self, place: int) -> Prediction | None:
        """The prediction that `place` others came after; None where it is too old or there were not so many."""
        return self._newest[-1 - place] if place < len(self._newest) else None

    def window(self, count: int, before: int = 0) -> Iterator[Prediction]:
        """The `count` newest, after leaving out the `before` newest; fewer where there are not so many."""
        return islice(reversed(self._newest), before, before + count)

    def _take_early(self, flight_id: str) -> bool | None:
        waiting = self._early.get(flight_id)
        if not waiting:
            return None
        self._early_order.remove(flight_id)
        late = waiting.popleft()
        if not waiting:
            del self._early[flight_id]
        return late

    def _forget(self, prediction: Prediction) -> None:
        waiting = self._unlabelled.get(prediction.id)
        if prediction.late is None and waiting and waiting[0] is prediction:
            waiting.popleft()
            if not waiting:
                del self._unlabelled[prediction.id]
