"""One planned version, trained, converted and measured on the flights kept from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from stack.common.features import NAMES
from stack.data.pool import TrainingSet
from stack.trainer.conversion import probabilities, to_onnx
from stack.trainer.evaluation import Metrics, evaluate
from stack.trainer.plan import MODEL, SEED, VALIDATION_SHARE, PlannedVersion, RouteGain
from stack.trainer.recipes import fit

OWN_WEIGHT = 0.6
"""Share of a flight's own gain in the warehouse's value for its route, the rest being the live aggregate's."""
VERIFIED_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class TrainedVersion:
    """A version ready to be registered."""

    planned: PlannedVersion
    content: bytes
    """The ONNX file."""
    metrics: Metrics
    flights: int
    """How many flights it was fitted to."""

    @property
    def sha256(self) -> str:
        """Of the ONNX file, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def train_version(planned: PlannedVersion, flights: TrainingSet) -> TrainedVersion:
    """Fit, convert, verify against scikit-learn and measure; the same flights give the same file."""
    fitted, kept = slices(planned, flights)
    classifier = fit(planned.recipe, fitted, SEED)
    content = to_onnx(classifier, MODEL, fitted.features[:VERIFIED_ROWS])
    return TrainedVersion(planned, content, measure(content, kept), len(fitted))


def measure(content: bytes, kept: TrainingSet) -> Metrics:
    """The metrics of an ONNX file on labelled flights."""
    return evaluate(probabilities(content, kept.features), kept.late)


def slices(planned: PlannedVersion, flights: TrainingSet) -> tuple[TrainingSet, TrainingSet]:
    """The flights that a version is fitted to and those that it is measured on, with its own `r_gain`."""
    drawn = np.random.default_rng(SEED).random(len(flights)) < VALIDATION_SHARE
    parts = (flights.only(~drawn), flights.only(drawn))
    fitted, kept = (_joined(part.dates(planned.first, planned.last), planned.route_gain) for part in parts)
    return fitted, kept


def _joined(flights: TrainingSet, source: RouteGain) -> TrainingSet:
    """
    The flights with `r_gain` from the given source.

    The warehouse refreshes a route's row whenever a flight of it lands, so a row joined afterwards holds, to
    `OWN_WEIGHT`, the gain of the very flight that it describes. At push-back nobody knows that.
    """
    if source is RouteGain.LIVE:
        return flights
    column = NAMES.index("r_gain")
    features = flights.features.copy()
    features[:, column] = (1 - OWN_WEIGHT) * features[:, column] + OWN_WEIGHT * flights.gain
    return replace(flights, features=features)
