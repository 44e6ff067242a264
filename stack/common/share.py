"""Picks a share of a stream so that every short stretch of it holds that share."""

from __future__ import annotations

import math

_STEP = (math.sqrt(5.0) - 1.0) / 2.0


class Share:
    """
    Says for one item after another whether it belongs to the share.

    The n-th item belongs when the fractional part of `offset + n * golden ratio` lies below the share. This sequence
    fills the unit interval evenly (its discrepancy falls with log n / n), so 600 items at a share of 0.08 hold 46
    to 50 hits, where independent draws would hold 31 to 65.
    """

    def __init__(self, share: float, offset: float = 0.0) -> None:
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"a share lies between 0 and 1, not at {share}")
        self._share = share
        self._point = offset % 1.0

    def takes(self) -> bool:
        """Whether the next item belongs to the share."""
        point = self._point + _STEP
        self._point = point - 1.0 if point >= 1.0 else point
        return self._point < self._share
