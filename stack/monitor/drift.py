"""How far the newest inputs and scores are from healthy ones, kept up to date flight by flight."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stack.common.features import COUNT, NAMES
from stack.monitor.baseline import Baseline, Scores
from stack.monitor.predictions import Prediction, Predictions


@dataclass(frozen=True, slots=True)
class Span:
    """A window: `count` predictions, from `before` newest ones on."""

    name: str
    count: int
    before: int = 0


class DriftWindow:
    """Counts of one window by bin of every feature and of the score; figures are NaN until it is full."""

    def __init__(self, span: Span, baseline: Baseline, scores: Scores) -> None:
        self.span = span
        self._bins = tuple(baseline.features.values())
        self._scores = scores
        self._counts = [[0] * len(bins.shares) for bins in self._bins]
        self._score_counts = [0] * len(scores.bins.shares)
        self._wrong = [0] * COUNT
        self._size = 0

    def update(self, log: Predictions) -> None:
        """Take the log after one more prediction: at most one comes in and one goes out."""
        entering, leaving = log.back(self.span.before), log.back(self.span.before + self.span.count)
        if entering is not None:
            self._count(entering, 1)
        if leaving is not None:
            self._count(leaving, -1)

    def _count(self, item: Prediction, step: int) -> None:
        self._size += step
        self._score_counts[self._scores.bins.code(item.probability)] += step
        for counts, code in zip(self._counts, item.codes, strict=False):
            counts[code] += step
        for place in item.wrong:
            self._wrong[place] += step

    @property
    def full(self) -> bool:
        """Whether it holds as many predictions as it covers."""
        return self._size == self.span.count

    def feature_psi(self) -> dict[str, float]:
        """Population stability index by feature, against the baseline."""
        if not self.full:
            return dict.fromkeys(NAMES, math.nan)
        return {name: bins.psi(own) for name, bins, own in zip(NAMES, self._bins, self._counts, strict=True)}

    def prediction_psi(self) -> float:
        """Population stability index of the score."""
        return self._scores.bins.psi(self._score_counts) if self.full else math.nan

    def null_shares(self) -> dict[str, float]:
        """Share of missing values by feature, 0 to 1."""
        return {name: _share(own[-1], sum(own), self.full) for name, own in zip(NAMES, self._counts, strict=True)}

    def wrong_shares(self) -> dict[str, float]:
        """Share of values out of their range or of the wrong type by feature, 0 to 1."""
        known = sum(self._counts[0])
        return {name: _share(own, known, self.full) for name, own in zip(NAMES, self._wrong, strict=True)}


def _share(part: int, whole: int, full: bool) -> float:
    return part / whole if full and whole else math.nan
