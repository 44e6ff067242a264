"""How good a model's probabilities are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Metrics:
    """Quality on labelled flights."""

    auc: float
    """Chance that a late flight scores above a punctual one; 0.5 is guessing."""
    brier: float
    """Mean squared distance of probability and outcome; lower is better."""
    log_loss: float
    """Mean negative logarithm of the probability given to what happened; lower is better."""
    positive_rate: float
    """Share of flights with a probability of 0.5 or more."""
    base_rate: float
    """Share of flights that were late."""
    flights: int


def evaluate(probability: NDArray[np.float32], late: NDArray[np.bool_]) -> Metrics:
    """The metrics of probabilities `[n]` against outcomes `[n]`, rounded to four digits."""
    return Metrics(
        auc=round(_auc(probability, late), 4),
        brier=round(float(np.mean((probability - late) ** 2)), 4),
        log_loss=round(_log_loss(probability, late), 4),
        positive_rate=round(float(np.mean(probability >= 0.5)), 4),
        base_rate=round(float(np.mean(late)), 4),
        flights=len(late),
    )


def _auc(probability: NDArray[np.float32], late: NDArray[np.bool_]) -> float:
    """Area under the ROC curve by mean ranks (Mann-Whitney U); ties count half."""
    _, place, count = np.unique(probability, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    positives = int(late.sum())
    negatives = len(late) - positives
    surplus = float(mean_rank[place][late].sum()) - positives * (positives + 1) / 2
    return surplus / (positives * negatives)


def _log_loss(probability: NDArray[np.float32], late: NDArray[np.bool_]) -> float:
    """Cross-entropy in nats; probabilities are kept a millionth away from certainty."""
    sure = np.clip(np.where(late, probability, 1 - probability).astype(np.float64), 1e-6, 1.0)
    return float(-np.mean(np.log(sure)))
