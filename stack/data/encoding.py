"""Features as small whole numbers on disk: two bytes each, without loss that a model could notice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS_PER_UNIT = np.array([1, 60, 1, 1, 1, 1, 10, 10, 10, 100, 100, 100], dtype=np.float64)
"""Stored steps per unit of each feature: minutes of `sched_hour`, tenths of rolling means, hundredths of weather."""

MISSING = np.int16(-32768)
"""The stored number of a missing value."""


def encode(features: NDArray[np.float64]) -> NDArray[np.int16]:
    """
    Rows `[n, 12]` in units, NaN for missing, as stored columns `[12, n]`.

    Raises:
        ValueError: a value is too large to be stored.
    """
    steps = np.rint(features * STEPS_PER_UNIT)
    if np.nanmax(np.abs(steps)) >= -int(MISSING):
        raise ValueError("a feature is out of the range that two bytes hold")
    return np.ascontiguousarray(np.where(np.isnan(steps), MISSING, steps).astype(np.int16).T)


def decode(columns: NDArray[np.int16]) -> NDArray[np.float32]:
    """Stored columns `[12, n]` as rows `[n, 12]` in units, NaN for missing."""
    values = columns.T / STEPS_PER_UNIT
    values[columns.T == MISSING] = np.nan
    return np.ascontiguousarray(values, dtype=np.float32)
