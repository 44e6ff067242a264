"""The plots of the on-call screen: which series, how they are written, and how their axis is chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.tui import form

AxisKind = Literal["share_high", "share", "from_zero", "around"]


@dataclass(frozen=True, slots=True)
class PlotPanel:
    """One plot: the series it shows and how."""

    key: str
    """Name of the series in `Backend.plots`."""
    title: str
    write: Callable[[float], str]
    """Writes a value, with its unit."""
    axis: AxisKind
    """`share_high` ends at 1 and starts where the data do; `share` is 0 to 1; `around` hugs the data."""
    bad: Literal["below", "above"] | None
    """On which side of the threshold a value is bad."""


PANELS: tuple[PlotPanel, ...] = (
    PlotPanel("good_share", "good share", form.percent, "share_high", "below"),
    PlotPanel("latency_p50", "latency p50", form.seconds, "from_zero", "above"),
    PlotPanel("latency_p99", "latency p99", form.seconds, "from_zero", "above"),
    PlotPanel("offered", "offered", form.rate, "from_zero", None),
    PlotPanel("live_brier", "live quality (Brier)", form.number, "around", "above"),
    PlotPanel("labelled_share", "labelled share", form.percent, "share", "below"),
)


def is_bad(panel: PlotPanel, value: float, threshold: float | None) -> bool:
    """Whether the value is on the wrong side of the threshold."""
    match panel.bad:
        case "below":
            return threshold is not None and value < threshold
        case "above":
            return threshold is not None and value > threshold
        case None:
            return False


def axis_range(kind: AxisKind, values: Sequence[float], threshold: float | None) -> tuple[float, float]:
    """Bottom and top of the axis, round numbers that hold every value (and the threshold)."""
    shown = [*values, *([] if threshold is None else [threshold])]
    if not shown:
        return 0.0, 1.0
    low, high = min(shown), max(shown)
    match kind:
        case "share":
            return 0.0, 1.0
        case "share_high":
            bottom = min(0.9, math.floor(low * 10 - 1e-9) / 10)
            return max(0.0, bottom), 1.0
        case "from_zero":
            return 0.0, _round_up(high * 1.05)
        case "around":
            pad = max((high - low) * 0.25, abs(high) * 0.05, 1e-3)
            step = _round_up(pad) / 2
            return max(0.0, math.floor((low - pad) / step) * step), math.ceil((high + pad) / step) * step


def _round_up(value: float) -> float:
    """The next number of the form 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    return next((step * scale for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * scale >= value), 10 * scale)
