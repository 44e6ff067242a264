"""What an on-call person can conclude from graphs and the list of changes alone; no truth is read here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lab.keeper.indicators import GOOD, Indicator
from lab.keeper.view import ChangeView
from lab.telemetry.prometheus import Prometheus

REQUEST_PATH = ("feed", "gateway", "model-server")
"""Callers first: the furthest component along the path that is wrong by itself is where to look."""

_BEFORE_SECONDS = 20.0
_TAIL_FACTOR = 4.0
_BODY_FACTOR = 2.0
_ERROR_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Reading:
    """One component before and now: quantiles in seconds, errors as a share of requests."""

    component: str
    p50_before: float
    p50_now: float
    p99_before: float
    p99_now: float
    errors_now: float

    @property
    def slow_tail(self) -> bool:
        """The slowest hundredth is much slower than it was."""
        return self.p99_now > _TAIL_FACTOR * max(self.p99_before, 0.005)

    @property
    def slow_body(self) -> bool:
        """The median request is slower too."""
        return self.p50_now > _BODY_FACTOR * max(self.p50_before, 0.002)

    @property
    def failing(self) -> bool:
        """More than one request in a hundred fails."""
        return self.errors_now > _ERROR_SHARE


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnosis and what it rests on, sentence by sentence."""

    cause: str
    component: str
    change: ChangeView | None
    because: tuple[str, ...]
    indicator: Indicator = GOOD
    """The promise that is broken."""


def read(prometheus: Prometheus, component: str, before: float, now: float) -> Reading:
    """Quantiles and errors of one component at two times, Unix seconds."""
    metric = "feed_request_duration_seconds" if component == "feed" else "request_duration_seconds"
    select = "" if component == "feed" else f'{{job="{component}"}}'

    def quantile(q: float, at: float) -> float:
        value = prometheus.value(f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{select}[15s])))", at)
        return math.nan if value is None else value

    errors = 0.0
    if component != "feed":
        failed = f'sum(rate(request_duration_seconds_count{{job="{component}",code=~"5.."}}[15s]))'
        total = f'sum(rate(request_duration_seconds_count{{job="{component}"}}[15s]))'
        errors = prometheus.value(f"({failed} or vector(0)) / {total}", now) or 0.0
    return Reading(
        component, quantile(0.5, before), quantile(0.5, now), quantile(0.99, before), quantile(0.99, now), errors
    )


def conclude(readings: Sequence[Reading], changes: Sequence[ChangeView], alert_at: float) -> Finding:
    """
    The likeliest cause, place and change.

    Place: the furthest component along the request path whose own figures turned bad. Change: the newest one of that
    component before the alert. Cause: what kind of bad it is, and whether a release brought it.
    """
    wrong = [reading for reading in readings if reading.slow_tail or reading.slow_body or reading.failing]
    if not wrong:
        return Finding("no-fault", "gateway", None, ("no component of the request path reads worse than before",))
    place = max(wrong, key=lambda reading: REQUEST_PATH.index(reading.component))
    at_place = [change for change in changes if change.component == place.component and change.at <= alert_at]
    change = max(at_place, key=lambda item: item.at, default=None)
    because = [
        f"p99 of {place.component} went from {_ms(place.p99_before)} to {_ms(place.p99_now)}",
        f"its median went from {_ms(place.p50_before)} to {_ms(place.p50_now)}",
        f"{100 * place.errors_now:.1f} % of its requests fail",
    ]
    for other in changes:
        if change is not None and other.id != change.id and other.at <= alert_at:
            because.append(f"{other.id} of {other.component} lies near, but {other.component} is not where it begins")
    return Finding(_cause(place, change), place.component, change, tuple(because))


def _cause(place: Reading, change: ChangeView | None) -> str:
    if change is None:
        return "undersized-service" if not place.failing else "config-error"
    if place.failing:
        return "release-errors"
    return "release-slow-path"


def _ms(seconds: float) -> str:
    return "no data" if math.isnan(seconds) else f"{1000 * seconds:.0f} ms"


def before_changes(changes: Sequence[ChangeView], fallback: float) -> float:
    """A time before anything changed, to compare with."""
    return min((change.at for change in changes), default=fallback) - 1.0 if changes else fallback - _BEFORE_SECONDS
