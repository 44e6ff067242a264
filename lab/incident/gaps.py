"""Whose a missing sample is: the learner's, the lab's, or nobody's that the record can name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from lab.content.model import COMPONENTS
from lab.incident.record import Series
from lab.incident.state import RunState

HOLE_SECONDS = 5.0
"""A hole longer than this, in seconds, is not bridged by the samples on either side of it."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch without a measured value, from the last one before it to the first one after it (or the ends)."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long nothing was measured."""
        return self.end - self.start


def measured(value: float | None) -> float | None:
    """The value, or None where it is missing or not a number."""
    return None if value is None or math.isnan(value) else value


def values(series: Series, start: float, end: float) -> list[tuple[float, float]]:
    """The measured samples with start <= at <= end, in order of time."""
    return [(at, known) for at, value in series.between(start, end) if (known := measured(value)) is not None]


def holes(series: Series, start: float, end: float) -> Iterator[Hole]:
    """Stretches of more than HOLE_SECONDS in start..end without a measured value."""
    last = start
    for at, _ in values(series, start, end):
        if at - last > HOLE_SECONDS:
            yield Hole(last, at)
        last = at
    if end - last > HOLE_SECONDS or (last == start and not values(series, start, end)):
        yield Hole(last, end)


def component_of(name: str) -> str:
    """The component that an object belongs to (`model-server-7c9` -> `model-server`), or the name itself."""
    fits = [component for component in COMPONENTS if name == component or name.startswith(f"{component}-")]
    return max(fits, key=len, default=name)


def hole_before(series: Series, at: float) -> Hole:
    """The unmeasured stretch that ends at `at`: it began with the last measured sample before."""
    before = values(series, 0.0, at)
    return Hole(before[-1][0] if before else 0.0, at)


def made_by_learner(state: RunState, hole: Hole, components: tuple[str, ...]) -> bool:
    """
    Whether a hole follows from what the learner did.

    It does when a change by the learner to one of these components (to any, if none are named) came before the hole
    or right at its start, and the record knows of no gap of the lab's own within it.
    """
    if any(gap.at - gap.seconds <= hole.end and gap.at >= hole.start for gap in state.gaps):
        return False
    return any(
        change.at <= hole.start + HOLE_SECONDS and (not components or component_of(change.name) in components)
        for change in state.learner_changes
    )
