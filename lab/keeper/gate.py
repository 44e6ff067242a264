"""The steady-state gate: the stack is right, under load, before anything is broken."""

from __future__ import annotations

from dataclasses import dataclass

from lab.content.model import Scenario
from lab.incident.record import Samples

HOLD_SECONDS = 8.0
"""The steady state must hold this long; the objectives' own windows lie behind it."""
PATIENCE_SECONDS = 90.0
_TRAFFIC_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Passed, failed with a reason, or neither yet."""

    passed: bool
    waited_seconds: float
    failed: str | None = None


class Gate:
    """Looks at the newest samples of a preparing run."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._since: float | None = None
        self._right_since: float | None = None

    def look(self, samples: Samples, now: float) -> GateVerdict:
        """Whether every objective holds, no alert of the scenario fires, and the traffic is as planned."""
        self._since = now if self._since is None else self._since
        waited = now - self._since
        wrong = self._wrong(samples)
        if wrong is not None:
            self._right_since = None
            return GateVerdict(False, waited, wrong if waited > PATIENCE_SECONDS else None)
        self._right_since = now if self._right_since is None else self._right_since
        return GateVerdict(now - self._right_since >= HOLD_SECONDS, waited)

    def _wrong(self, samples: Samples) -> str | None:
        for objective in self._scenario.objectives:
            value = _newest(samples, f"objective.{objective.name}")
            if value is None or not objective.must.holds(value):
                return f"{objective.name} is {_shown(value)}, must be {objective.must}"
        if self._scenario.bites is not None:
            bites = _newest(samples, "bites")
            if bites is None or self._scenario.bites.must.holds(bites):
                return f"what the run watches already reads {_shown(bites)}"
        visible = self._scenario.visible
        if visible is not None and _newest(samples, f"alert.{visible}") != 0.0:
            return f"the alert {visible} is not quiet"
        planned, offered = _newest(samples, "planned"), _newest(samples, "offered")
        if planned is None or offered is None or abs(offered / planned - 1) > _TRAFFIC_TOLERANCE:
            return f"the feed offers {_shown(offered)} of {_shown(planned)} requests a second"
        return None


def _newest(samples: Samples, name: str) -> float | None:
    series = samples.of(name)
    return series.value[-1] if series.value else None


def _shown(value: float | None) -> str:
    return "without data" if value is None else f"{value:.3g}"
