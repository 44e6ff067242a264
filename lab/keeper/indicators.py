"""What callers are promised, as figures: which promise is broken decides what is looked at and how a note tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.errors import LabError
from lab.telemetry.prometheus import Prometheus


@dataclass(frozen=True, slots=True)
class Indicator:
    """One promise: the share of requests for which it is kept, and how people speak of it."""

    promql: str
    """Share of requests, 0 to 1; 1 when all is well."""
    measure: str
    """What the share is of."""
    broken: str
    """What became of the other requests."""
    prevent: str
    """An action that keeps it from happening; `{component}` stands for where it began."""
    detect: str
    """An action that shows it sooner."""


GOOD = Indicator(
    promql="job:good_requests:share15s",
    measure="share of good requests",
    broken="were slow or failed, as the callers measure it",
    prevent="Roll {component} out as a canary that is compared in p99, not in the mean or the median",
    detect="Alert on the p99 of {component} by release, beside the burn rate",
)
APPROVED = Indicator(
    promql="job:approved_answers:share15s",
    measure="share of answers from the champion",
    broken="were answered by another model version than the registry's champion",
    prevent="Call a change of {component} or of the alias done when every replica reports the champion's hash",
    detect="Alert on each replica of {component} whose version differs from the alias, or whose news is old",
)
INDICATORS = (GOOD, APPROVED)


@dataclass(frozen=True, slots=True)
class Broken:
    """The promise that is kept least, and the share of requests for which it is not."""

    indicator: Indicator
    share: float


def most_broken(prometheus: Prometheus, indicators: Sequence[Indicator] = INDICATORS) -> Broken:
    """The indicator that is lowest now; the first one where none can be read or all are kept alike."""
    found = [Broken(one, 1.0 - share) for one in indicators if (share := _value(prometheus, one.promql)) is not None]
    return max(found, key=lambda one: one.share, default=Broken(indicators[0], 0.0))


def _value(prometheus: Prometheus, promql: str) -> float | None:
    try:
        return prometheus.value(promql)
    except LabError:
        return None
