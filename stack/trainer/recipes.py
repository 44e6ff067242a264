"""The recipes that versions are made by, from the name that a run states to a fitted classifier."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from stack.data.pool import TrainingSet
from stack.trainer.pipeline import require_both_outcomes, train

ITERATIONS, LEAVES = 80, 16


class Recipe(StrEnum):
    """A kind of model."""

    LOGISTIC = "logistic-regression"
    BOOSTED = "histogram-gradient-boosting"


def fit(recipe: Recipe, flights: TrainingSet, seed: int) -> ClassifierMixin:
    """
    A classifier fitted to the flights; the same flights and seed give the same one.

    Raises:
        ValueError: the flights have one outcome only.
    """
    match recipe:
        case Recipe.LOGISTIC:
            return train(flights)
        case Recipe.BOOSTED:
            return _boosted(flights, seed)
        case _:
            assert_never(recipe)


def settings(recipe: Recipe) -> dict[str, str]:
    """What a run states of its recipe beyond the name."""
    match recipe:
        case Recipe.LOGISTIC:
            return {"penalty": "l2", "C": "1.0", "max_iter": "500"}
        case Recipe.BOOSTED:
            return {"max_iter": str(ITERATIONS), "max_leaf_nodes": str(LEAVES), "early_stopping": "false"}
        case _:
            assert_never(recipe)


def _boosted(flights: TrainingSet, seed: int) -> HistGradientBoostingClassifier:
    """Gradient-boosted trees on binned features; they take missing values as they are."""
    require_both_outcomes(flights)
    trees = HistGradientBoostingClassifier(
        max_iter=ITERATIONS, max_leaf_nodes=LEAVES, early_stopping=False, random_state=seed
    )
    with threadpool_limits(1):
        trees.fit(flights.features, flights.late)
    return trees
