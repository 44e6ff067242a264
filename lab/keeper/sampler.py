"""One tick of the record: what objectives and safeguards need, from Prometheus and from the components themselves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from lab.content.model import Scenario
from lab.errors import LabError, NotFound
from lab.keeper.counters import CounterRates, Point, parse_exposition
from lab.keeper.files import RunConstants
from lab.operate.lab import Lab

_FEED_METRICS = ("feed_planned_requests_total", "feed_requests_total", "feed_answers_total")
_SMOOTH_TICKS = 5
"""Rates of requests are averaged over this many ticks, since one second of a counter is coarse."""

T = TypeVar("T")

SERVING = ("gateway", "model-server")


@dataclass(frozen=True, slots=True)
class Tick:
    """What one look at the stack gave."""

    values: dict[str, float | None]
    firing: frozenset[str] | None
    """Names of firing alerts; None when Prometheus did not answer."""
    prometheus_answered: bool


class Sampler:
    """Looks at the stack once a second; a figure that cannot be had is None, never a guess."""

    def __init__(self, lab: Lab, scenario: Scenario) -> None:
        self._lab = lab
        self._scenario = scenario
        self._rates = CounterRates()
        self._history: deque[float] = deque(maxlen=_SMOOTH_TICKS)

    def tick(self, now: float, planned: float, constants: RunConstants | None, history_intact: bool | None) -> Tick:
        """Samples by the names that `lab.incident.record.Samples` documents."""
        values: dict[str, float | None] = {"planned": planned}
        self._promql(values)
        firing = _tried(lambda: frozenset(a.name for a in self._lab.prometheus.alerts() if a.state == "firing"))
        visible = self._scenario.visible
        if visible is not None:
            values[f"alert.{visible}"] = None if firing is None else float(visible in firing)
        self._feed(now, values, constants)
        if constants is not None:
            self._serving(values, constants)
            values["alerting"] = self._alerting(constants)
            values["silenced"] = _tried(partial(self._silenced, constants))
        values["history"] = None if history_intact is None else float(history_intact)
        return Tick(values, firing, firing is not None)

    def _promql(self, values: dict[str, float | None]) -> None:
        prometheus = self._lab.prometheus
        if self._scenario.bites is not None:
            values["bites"] = _tried(partial(prometheus.value, self._scenario.bites.promql))
        for objective in self._scenario.objectives:
            values[f"objective.{objective.name}"] = _tried(partial(prometheus.value, objective.promql))

    def _feed(self, now: float, values: dict[str, float | None], constants: RunConstants | None) -> None:
        values |= {"offered": None, "good_share": None, "registered_share": None}
        by_pod = _tried(self._feed_points)
        if by_pod is None:
            self._history.clear()
            self._rates = CounterRates()
            return
        rates = self._rates.update(now, by_pod)
        if rates is None:
            return
        planned = sum(rate for (name, _), rate in rates.items() if name == "feed_planned_requests_total")
        decided = sum(rate for (name, _), rate in rates.items() if name == "feed_requests_total")
        good = sum(
            rate
            for (name, labels), rate in rates.items()
            if name == "feed_requests_total" and ("outcome", "good") in labels
        )
        self._history.append(planned)
        values["offered"] = sum(self._history) / len(self._history)
        values["good_share"] = good / decided if decided > 0 else None
        if constants is not None:
            values["registered_share"] = _registered_share(rates, set(constants.registered.values()))

    def _feed_points(self) -> dict[str, list[Point]]:
        """Counters of every feed pod that runs; a pod that is going or not yet ready offers nothing worth counting."""
        points: dict[str, list[Point]] = {}
        for pod in self._lab.cluster.list("Pod", "app.kubernetes.io/name=feed"):
            name = str(pod["metadata"]["name"])
            if pod.get("status", {}).get("phase") != "Running":
                continue
            try:
                points[name] = parse_exposition(self._lab.cluster.pod_proxy(name, "/metrics"), _FEED_METRICS)
            except LabError:
                if not pod["metadata"].get("deletionTimestamp"):
                    raise
        return points

    def _serving(self, values: dict[str, float | None], constants: RunConstants) -> None:
        for name in SERVING:
            ready = _tried(partial(self._ready, name))
            values[f"serving.{name}"] = None if ready is None else ready - constants.floors[name]

    def _ready(self, name: str) -> int:
        try:
            return int(self._lab.cluster.get("Deployment", name).get("status", {}).get("readyReplicas", 0))
        except NotFound:
            return 0

    def _alerting(self, constants: RunConstants) -> float | None:
        """1 when every rule is as it was at the gate; None where the alerts have no series to look at just now."""
        rules = _tried(self._lab.prometheus.rules)
        if rules is None:
            return None
        free = set(self._scenario.may_change)
        intact = all(rules.get(name) == text for name, text in constants.rules.items() if name not in free)
        series = _tried(lambda: self._lab.prometheus.value("count(feed_requests_total)"))
        return None if intact and series is None else float(intact)

    def _silenced(self, constants: RunConstants) -> float:
        """1 when a silence in force keeps a protected alert quiet, or would, or Alertmanager's routes were changed."""
        free = set(self._scenario.may_change)
        alertmanager = self._lab.alertmanager
        protected = [labels for name, labels in constants.alert_labels.items() if name not in free]
        active = [one for one in alertmanager.silences() if one.state == "active"]
        if any(silence.matches(labels) for silence in active for labels in protected):
            return 1.0
        held = [alert for alert in alertmanager.alerts() if alert.name in constants.alert_labels.keys() - free]
        if any(alert.silenced_by for alert in held):
            return 1.0
        return float(bool(constants.routing) and alertmanager.routing() != constants.routing)


def _registered_share(rates: dict[tuple[str, frozenset[tuple[str, str]]], float], registered: set[str]) -> float | None:
    answers = {labels: rate for (name, labels), rate in rates.items() if name == "feed_answers_total"}
    total = sum(answers.values())
    if total <= 0:
        return None
    return sum(rate for labels, rate in answers.items() if dict(labels).get("sha256") in registered) / total


def _tried(look: Callable[[], T]) -> T | None:
    try:
        return look()
    except LabError:
        return None
