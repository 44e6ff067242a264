"""How good predictions were, as far as their outcomes are known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from stack.monitor.predictions import Prediction

DECISION = 0.5
"""A probability from which on a flight is called late."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures over some predictions; NaN where there is nothing to make one of."""

    predictions: int
    labelled_share: float
    """Share whose outcome is known."""
    decision_rate: float
    """Share with a probability of `DECISION` and more; needs no outcomes."""
    brier: float
    """Mean squared difference of probability and outcome over the labelled ones (Brier 1950)."""
    calibration_gap: float
    """Mean probability less the share that was late, over the labelled ones; above 0 the model sees too many late."""


def quality_of(predictions: Iterable[Prediction]) -> Quality:
    """The figures of these predictions."""
    count = labelled = decided = late = 0
    squares = probabilities = 0.0
    for item in predictions:
        count += 1
        decided += item.probability >= DECISION
        if item.late is not None:
            labelled += 1
            late += item.late
            probabilities += item.probability
            squares += (item.probability - item.late) ** 2
    return Quality(
        predictions=count,
        labelled_share=labelled / count if count else math.nan,
        decision_rate=decided / count if count else math.nan,
        brier=squares / labelled if labelled else math.nan,
        calibration_gap=(probabilities - late) / labelled if labelled else math.nan,
    )


def auc(predictions: Iterable[Prediction]) -> float:
    """
    Share of pairs of a late and a punctual flight in which the late one has the higher probability, ties half: the area
    under the ROC curve, by ranks (Hanley and McNeil 1982). NaN without both kinds.
    """
    known = sorted((item.probability, bool(item.late)) for item in predictions if item.late is not None)
    positives = sum(late for _, late in known)
    negatives = len(known) - positives
    if not positives or not negatives:
        return math.nan
    ranks, begin = 0.0, 0
    while begin < len(known):
        end = begin
        while end < len(known) and known[end][0] == known[begin][0]:
            end += 1
        mean_rank = (begin + 1 + end) / 2
        ranks += mean_rank * sum(late for _, late in known[begin:end])
        begin = end
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)
