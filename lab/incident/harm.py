"""The worst stretch of a run: the lowest mean share of good requests over half a minute."""

from __future__ import annotations

from lab.incident.gaps import hole_before, made_by_learner, measured
from lab.incident.record import Series
from lab.incident.state import RunState

WINDOW_SECONDS = 30.0
"""Length of the windows that harm is judged over."""
COVERED = 0.8
"""A window counts when this share of its seconds has a value."""


def worst_window(good_share: Series, state: RunState, start: float, end: float) -> float | None:
    """
    Lowest mean of good_share (0 to 1) over windows of 30 s that begin at or after `start` and end by `end`.

    A second without a value counts as 0 where the learner's change to the feed explains it, else it is left out.
    None where no window is covered well enough; 1.0 where the time is too short to hold a window.
    """
    if end - start < WINDOW_SECONDS:
        return 1.0
    samples = _counted(good_share, state, start, end)
    worst: float | None = None
    total, first = 0.0, 0
    for last, (at, value) in enumerate(samples):
        total += value
        while at - samples[first][0] >= WINDOW_SECONDS:
            total -= samples[first][1]
            first += 1
        count = last - first + 1
        if at - start >= WINDOW_SECONDS - 1.5 and count >= COVERED * WINDOW_SECONDS:
            mean = round(total / count, 9)
            worst = mean if worst is None else min(worst, mean)
    return worst


def _counted(good_share: Series, state: RunState, start: float, end: float) -> list[tuple[float, float]]:
    counted = []
    for at, value in good_share.between(start, end):
        known = measured(value)
        if known is not None:
            counted.append((at, known))
        elif made_by_learner(state, hole_before(good_share, at), ("feed",)):
            counted.append((at, 0.0))
    return counted
