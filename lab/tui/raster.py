"""Lines as braille: numpy only, no widgets, so that a plot costs well under a millisecond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = tuple[tuple[float, float | None], ...]

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint16)
_MAX_GAP_SECONDS = 5.0
"""Samples further apart than this are not joined: a hole in the record must be seen."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the plane that is drawn."""

    start: float
    end: float
    """Unix seconds at the left and right edge."""
    bottom: float
    top: float


def braille_rows(points: Points, window: Window, columns: int, rows: int) -> list[str]:
    """`rows` strings of `columns` characters each, top row first; an empty cell is a blank."""
    low, high = _columns(points, window, columns * 2, rows * 4)
    level = np.arange(rows * 4 - 1, -1, -1)[:, None]
    with np.errstate(invalid="ignore"):
        dots = (level >= low[None, :]) & (level <= high[None, :])
    cells = (dots.reshape(rows, 4, columns, 2) * _DOTS[None, :, None, :]).sum(axis=(1, 3))
    return ["".join(chr(0x2800 + int(cell)) if cell else " " for cell in row) for row in cells]


def row_of(value: float, window: Window, rows: int) -> int | None:
    """The text row, from the top, in which a value lies; None when outside."""
    span = window.top - window.bottom
    if span <= 0 or not window.bottom <= value <= window.top:
        return None
    dot = round((value - window.bottom) / span * (rows * 4 - 1))
    return rows - 1 - dot // 4


def column_of(at: float, window: Window, columns: int) -> int | None:
    """The text column in which a time lies; None when outside."""
    span = window.end - window.start
    if span <= 0 or not window.start <= at <= window.end:
        return None
    return min(columns - 1, int((at - window.start) / span * columns))


def _columns(points: Points, window: Window, width: int, height: int) -> tuple[npt.NDArray[np.float64], ...]:
    """Lowest and highest dot of each dot column, NaN where nothing is drawn."""
    low = np.full(width, np.nan)
    high = np.full(width, np.nan)
    if not points or window.end <= window.start or window.top <= window.bottom:
        return low, high
    at = np.array([point[0] for point in points], dtype=float)
    value = np.array([np.nan if point[1] is None else point[1] for point in points], dtype=float)
    x = (at - window.start) / (window.end - window.start) * width
    y = np.round(np.clip((value - window.bottom) / (window.top - window.bottom), 0, 1) * (height - 1))
    shown = ~np.isnan(y) & (x >= 0) & (x <= width)
    column = np.minimum(x, width - 1).astype(int)
    np.fmin.at(low, column[shown], y[shown])
    np.fmax.at(high, column[shown], y[shown])
    for i in np.flatnonzero(shown[:-1] & shown[1:] & (np.diff(at) <= _MAX_GAP_SECONDS)):
        _join(low, high, (int(column[i]), float(y[i])), (int(column[i + 1]), float(y[i + 1])))
    return low, high


def _join(
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    left: tuple[int, float],
    right: tuple[int, float],
) -> None:
    """Draw the straight line between two samples that lie in different columns."""
    steps = right[0] - left[0]
    if steps == 0:
        return
    line = np.round(np.linspace(left[1], right[1], steps + 1))
    before, after = line[:-1], line[1:]
    inside = slice(left[0] + 1, right[0] + 1)
    low[inside] = np.fmin(low[inside], np.minimum(after, before + np.sign(after - before)))
    high[inside] = np.fmax(high[inside], np.maximum(after, before + np.sign(after - before)))
