"""Applies the transform steps of a release to flights on their way out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from stack.common.features import CARRIERS, NAMES, ORIGINS
from stack.common.share import Share
from stack.common.transforms import Transform
from stack.data.pool import Pool

Values = list[float | None]
"""Twelve features; None is missing."""

_CARRIER, _ORIGIN = NAMES.index("carrier_c"), NAMES.index("origin_c")
_BY_ROUTE = "r_gain"
"""The one feature that belongs to a route; others belong to an origin."""


class Changes:
    """The steps of a release, for the flights of one pool."""

    def __init__(self, steps: Sequence[Transform], pool: Pool) -> None:
        self._steps = [_Step(step, pool) for step in steps]

    def apply(self, index: int, values: Values) -> None:
        """Change the features of the pool's flight `index` in place; conditions look at what it was at first."""
        if not self._steps:
            return
        carrier, origin = values[_CARRIER], values[_ORIGIN]
        for step in self._steps:
            step.apply(index, values, carrier, origin)


class _Step:
    def __init__(self, step: Transform, pool: Pool) -> None:
        self._column = NAMES.index(step.feature)
        self._swap = NAMES.index(step.swap) if step.swap else None
        self._carrier = CARRIERS.index(step.where.carrier) if step.where.carrier else None
        self._origin = ORIGINS.index(step.where.origin) if step.where.origin else None
        self._chosen, self._null = Share(step.share), Share(step.null_share, offset=0.5)
        self._stale = stale_values(pool, step.feature, step.stale_hours) if step.stale_hours else None
        self._value = _arithmetic(step)
        self._fill = step.fill

    def apply(self, index: int, values: Values, carrier: float | None, origin: float | None) -> None:
        if self._carrier is not None and carrier != self._carrier:
            return
        if self._origin is not None and origin != self._origin:
            return
        if not self._chosen.takes():
            return
        column = self._column
        if self._swap is not None:
            values[column], values[self._swap] = values[self._swap], values[column]
        if self._stale is not None:
            old = float(self._stale[index])
            values[column] = old if old == old else None
        value = values[column]
        if value is not None:
            values[column] = self._value(value)
        if self._fill is not None:
            values[column] = self._fill
        if self._null.takes():
            values[column] = None


def _arithmetic(step: Transform) -> Callable[[float], float]:
    def value(old: float) -> float:
        new = (abs(old) if step.absolute else old) * step.scale + step.add
        if step.wrap:
            new %= step.wrap
        if step.codes and 0 <= new < len(step.codes) and new == int(new):
            new = float(step.codes[int(new)])
        return new

    return value


def stale_values(pool: Pool, feature: str, hours: float) -> NDArray[np.float32]:
    """
    The feature of each flight `[n]` as it was `hours` earlier: that of the newest flight by then of the same origin, or
    for `r_gain` of the same destination; the first one where there is none so old.
    """
    values = pool.features[:, NAMES.index(feature)]
    groups = np.array([name.rpartition("-")[2] for name in pool.ids] if feature == _BY_ROUTE else pool.origins)
    result = values.copy()
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        times = pool.pushback[rows]
        newest = np.searchsorted(times, times - hours * 3600, "right") - 1
        result[rows] = values[rows[np.maximum(newest, 0)]]
    return result
