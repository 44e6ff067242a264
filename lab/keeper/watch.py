"""A run as its author may see it while it goes on: onset, alert, and how far each objective is from its bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.content.model import Objective, Scenario
from lab.content.values import Comparison
from lab.incident.events import RunEvent
from lab.incident.gaps import values
from lab.incident.objectives import hold_of, resolve_reasons
from lab.incident.record import Samples
from lab.incident.state import RunState, fold

PLOT_SECONDS = 60.0
_LEVELS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure against its bound."""

    name: str
    must: Comparison
    value: float | None
    """The newest one; None while it is not measured."""
    margin: float | None
    """How far inside the bound that is; negative outside."""
    worst: float | None
    """The least margin since the gate."""
    held: float
    """Seconds for which it has been right without a break since onset, or since the gate where there was none."""
    hold: float
    """Seconds for which it has to."""
    recent: tuple[tuple[float, float], ...]
    """The last minute: Unix seconds and value."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """One look at a run with everything revealed; times are seconds, None is "not yet"."""

    state: RunState
    since_gate: float | None
    strike_after: float | None
    """From the gate to the last change that was applied, which is the strike once all of them were."""
    onset_after: float | None
    """From that change to the onset."""
    visible_after: float | None
    """From the onset to the alert; 0 where it fired already."""
    bites: Gauge | None
    objectives: tuple[Gauge, ...]
    missing: tuple[str, ...]
    """What a resolve would be refused for now; empty where it would be accepted, and before onset."""


def glimpse(scenario: Scenario, events: Sequence[RunEvent], samples: Samples, now: float) -> Glimpse:
    """Look at a run at `now`, Unix seconds."""
    state = fold(events, scenario)
    gate, onset = state.gate_at, state.onset_at
    begun = [change.at for change in state.applied if onset is None or change.at <= onset]
    struck = max(begun, default=None)
    since = onset if onset is not None else gate if gate is not None else now
    bites = scenario.bites
    return Glimpse(
        state=state,
        since_gate=_between(gate, now),
        strike_after=_between(gate, struck),
        onset_after=_between(struck, onset),
        visible_after=_between(onset, state.first_visible_at),
        bites=None if bites is None else _figure("bites", bites.must, samples, gate, now),
        objectives=tuple(_gauge(objective, samples, gate, since, now) for objective in scenario.objectives),
        missing=() if onset is None else resolve_reasons(scenario, samples, state, now),
    )


def sparkline(gauge: Gauge, width: int) -> str:
    """The last minute as a row of bars between its least and its greatest value; gaps are blanks."""
    if not gauge.recent:
        return " " * width
    end = gauge.recent[-1][0]
    cells: list[float | None] = [None] * width
    for at, value in gauge.recent:
        place = width - 1 - int((end - at) * width / PLOT_SECONDS)
        if 0 <= place < width:
            cells[place] = value
    known = [value for value in cells if value is not None] + [gauge.must.bound]
    low, span = min(known), max(known) - min(known)
    return "".join(" " if value is None else _bar(value, low, span) for value in cells)


def _bar(value: float, low: float, span: float) -> str:
    return _LEVELS[-1] if span <= 0 else _LEVELS[round((value - low) / span * (len(_LEVELS) - 1))]


def _gauge(objective: Objective, samples: Samples, gate: float | None, since: float, now: float) -> Gauge:
    hold = hold_of(objective, samples, now, since=since)
    figure = _figure(f"objective.{objective.name}", objective.must, samples, gate, now)
    return Gauge(
        objective.name, figure.must, figure.value, figure.margin, figure.worst, hold.seconds, objective.hold,
        figure.recent,
    )  # fmt: skip


def _figure(series: str, must: Comparison, samples: Samples, gate: float | None, now: float) -> Gauge:
    """A series against a bound, without a hold."""
    recent = tuple(values(samples.of(series), now - PLOT_SECONDS, now))
    since_gate = [must.margin(value) for _, value in values(samples.of(series), now if gate is None else gate, now)]
    newest = samples.of(series).value[-1] if samples.of(series).value else None
    margin = None if newest is None else must.margin(newest)
    return Gauge(series, must, newest, margin, min(since_gate, default=None), 0.0, 0.0, recent)


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start
