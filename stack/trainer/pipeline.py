"""The champion's recipe: a logistic regression on imputed, scaled and one-hot encoded features."""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from stack.common.features import CARRIERS, NAMES, ORIGINS
from stack.data.pool import TrainingSet

_CODES = {"carrier_c": len(CARRIERS), "origin_c": len(ORIGINS)}


def train(flights: TrainingSet) -> Pipeline:
    """
    Fit the pipeline; `predict_proba(rows)[:, 1]` is the probability of landing 15 minutes late or more.

    One thread and a solver without randomness: the same flights give the same coefficients.

    Raises:
        ValueError: the flights are all late or all on time, or there are none.
    """
    require_both_outcomes(flights)
    numeric = [index for index, name in enumerate(NAMES) if name not in _CODES]
    coded = [NAMES.index(name) for name in _CODES]
    categories = [np.arange(count, dtype=np.float32) for count in _CODES.values()]
    columns = ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("coded", OneHotEncoder(categories=categories, handle_unknown="ignore"), coded),
        ]
    )
    pipeline = make_pipeline(columns, LogisticRegression(max_iter=500))
    with threadpool_limits(1):
        pipeline.fit(flights.features, flights.late)
    return pipeline


def require_both_outcomes(flights: TrainingSet) -> None:
    """Raise ValueError when the flights are all late or all on time, or there are none."""
    if len(np.unique(flights.late)) < 2:
        raise ValueError(
            f"{len(flights)} flights with one outcome cannot train a model; it needs late and punctual ones"
        )
