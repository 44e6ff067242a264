"""Counters read from components themselves, beside Prometheus: rates that survive restarts and replicas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Point:
    """One line of a text exposition."""

    name: str
    labels: Labels
    value: float


def parse_exposition(text: str, names: Iterable[str]) -> list[Point]:
    """Points of these metric names in Prometheus' text format."""
    wanted = tuple(names)
    points: list[Point] = []
    for line in text.splitlines():
        if not line.startswith(wanted):
            continue
        match = _LINE.match(line)
        if match and match.group(1) in wanted:
            labels = frozenset((key, value) for key, value in _LABEL.findall(match.group(2) or ""))
            points.append(Point(match.group(1), labels, float(match.group(3))))
    return points


@dataclass
class CounterRates:
    """Increase a second of counters summed over pods; a counter that fell has restarted from zero."""

    _last_at: float | None = None
    _last: dict[tuple[str, str, Labels], float] = field(default_factory=dict)

    def update(self, at: float, by_pod: Mapping[str, list[Point]]) -> dict[tuple[str, Labels], float] | None:
        """
        Rates since the last call, by metric and labels; None at the first call.

        A pod that was not there the last time counts from zero, since its counters began there.
        """
        now = {(pod, point.name, point.labels): point.value for pod, points in by_pod.items() for point in points}
        last_at, last = self._last_at, self._last
        self._last_at, self._last = at, now
        if last_at is None or at <= last_at:
            return None
        rates: dict[tuple[str, Labels], float] = {}
        for (pod, name, labels), value in now.items():
            before = last.get((pod, name, labels), 0.0)
            grown = value - before if value >= before else value
            rates[name, labels] = rates.get((name, labels), 0.0) + grown / (at - last_at)
        return rates
