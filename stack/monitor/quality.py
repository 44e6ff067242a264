"""Quality of the newest predictions, as far as their outcomes are known."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

WINDOW = 500
"""Predictions that the figures cover."""

EARLY_TRUTHS = 2_000
"""Outcomes that may wait for a prediction that was not seen yet."""


@dataclass(slots=True)
class _Prediction:
    id: str
    probability: float
    late: bool | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Live quality over the newest predictions."""

    brier: float
    """Mean squared difference of probability and outcome over the labelled ones (Brier 1950); NaN without any."""
    labelled_share: float
    """Share of the window whose outcome is known; NaN while the window is empty."""
    predictions: int
    """Predictions in the window."""


class LiveQuality:
    """
    Joins predictions and truths by the flight's id, each used once, in whatever order they come.

    A flight that is replayed is another prediction with the same id: a truth goes to the oldest one still without.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._newest: deque[_Prediction] = deque()
        self._unlabelled: dict[str, deque[_Prediction]] = {}
        self._early: dict[str, deque[bool]] = {}
        self._early_order: deque[str] = deque()

    def predicted(self, flight_id: str, probability: float) -> None:
        """Take a prediction."""
        prediction = _Prediction(flight_id, probability, self._take_early(flight_id))
        self._newest.append(prediction)
        if prediction.late is None:
            self._unlabelled.setdefault(flight_id, deque()).append(prediction)
        if len(self._newest) > self._window:
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

    def figures(self) -> Figures:
        """The figures at this moment."""
        errors = [(item.probability - item.late) ** 2 for item in self._newest if item.late is not None]
        count = len(self._newest)
        return Figures(
            brier=sum(errors) / len(errors) if errors else math.nan,
            labelled_share=len(errors) / count if count else math.nan,
            predictions=count,
        )

    def _take_early(self, flight_id: str) -> bool | None:
        waiting = self._early.get(flight_id)
        if not waiting:
            return None
        self._early_order.remove(flight_id)
        late = waiting.popleft()
        if not waiting:
            del self._early[flight_id]
        return late

    def _forget(self, prediction: _Prediction) -> None:
        waiting = self._unlabelled.get(prediction.id)
        if prediction.late is None and waiting and waiting[0] is prediction:
            waiting.popleft()
            if not waiting:
                del self._unlabelled[prediction.id]
