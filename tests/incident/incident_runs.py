"""Recorded runs made up second by second, for what is judged from records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lab.content.loader import parse_scenario
from lab.content.model import Scenario
from lab.incident.events import (
    AlertFired,
    ChangeApplied,
    ChangeObserved,
    DeclarationClosed,
    DiagnosisGiven,
    GatePassed,
    IncidentDeclared,
    NothingWrongClaimed,
    OnsetObserved,
    PhaseEntered,
    ResolveAccepted,
    RunEvent,
    RunStarted,
)
from lab.incident.record import Bundle, Samples, Versions
from lab.incident.state import RunState, fold

T0 = datetime(2026, 10, 1, 14, 0, tzinfo=UTC).timestamp()
CAUSE_COMMIT = "b2c3d4e5f60718293a4b5c6d7e8f90123456789a"
OTHER_COMMIT = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"

SCENARIO = """\
schema: 1
title: Travel desks say the score hangs now and then
family: bad-deploy
level: 1
minutes: 12
skills: [latency-percentiles, rollback]
briefing: Since this morning two travel desks report that the risk score sometimes takes forever.
seeded: {strike_seconds: [75, 120], tag: ["2.4.0", "2.4.1"]}
traffic: [{at: 0s, rps: 40}]
events:
  - at: strike - 60s
    deploy: {component: feed, by: tom, tag: "2.3.2", message: Log fewer lines}
  - at: strike
    deploy: {component: model-server, by: priya, tag: seeded, message: Stricter input checks}
bites: {promql: "job:good_requests:share15s", must: "< 0.97", within: 60s}
visible: GoodShareBurn
truth:
  root_cause: release-slow-path
  component: model-server
  change: {event: 1}
  red_herrings: [{event: 0}]
  evidence: [request_duration_seconds, release_info]
  floor: 0.80
objectives:
  - {name: good_share, promql: "job:good_requests:share15s", must: "> 0.98", hold: 20s}
safeguards: [serving, traffic, alerting, history, no_harm]
hints:
  - {when: {never_queried: request_duration_seconds}, cost: 3, text: Look at the other end.}
  - {after: 3m, cost: 5, text: What changed shortly before?}
"""
QUIET_SCENARIO = SCENARIO.replace("root_cause: release-slow-path", "root_cause: no-fault").replace(
    "  change: {event: 1}", "  change: null"
)

Edit = Callable[[float], float | None]


@dataclass
class Run:
    """A run to be judged; seconds count from the gate, at T0."""

    scenario_yaml: str = SCENARIO
    events: list[RunEvent] = field(default_factory=list)
    lasts: int = 225
    values: dict[str, Edit] = field(default_factory=dict)
    """Series by name, each a function of the second."""
    note: str | None = None

    @property
    def scenario(self) -> Scenario:
        return parse_scenario(self.scenario_yaml, "scenario.yaml")

    @property
    def samples(self) -> Samples:
        samples = Samples()
        for second in range(self.lasts + 1):
            samples.append(T0 + second, {name: value(second) for name, value in self.values.items()})
        return samples

    @property
    def state(self) -> RunState:
        return fold(self.sorted_events, self.scenario)

    @property
    def sorted_events(self) -> list[RunEvent]:
        return sorted(self.events, key=lambda event: event.at)

    def bundle(self) -> Bundle:
        return Bundle(
            run_id="20261001-140000-ab12",
            scenario="hangs-now-and-then",
            scenario_yaml=self.scenario_yaml,
            content_hash="0" * 64,
            seed=7,
            versions=Versions(lab="0.1.0", engine="embedded", prometheus="2.53.3"),
            events=self.sorted_events,
            samples=self.samples,
            note=self.note,
            baseline_tags={"model-server": "2.3.1", "feed": "2.3.1"},
        )

    def without(self, *kinds: type) -> Run:
        """The same run without these events."""
        self.events = [event for event in self.events if not isinstance(event, kinds)]
        return self

    def add(self, *events: RunEvent) -> Run:
        """The same run with more events."""
        self.events += events
        return self


def at(second: float) -> float:
    """Unix time of a second of the run."""
    return T0 + second


def started() -> Iterable[RunEvent]:
    yield RunStarted(
        at=at(-30), run_id="r", scenario="s", content_hash="0", seed=7, mode="graded", strike_seconds=80, tag="2.4.1"
    )
    yield PhaseEntered(at=at(-30), phase="preparing")
    yield GatePassed(at=at(0), waited_seconds=20)
    yield PhaseEntered(at=at(0), phase="on_call")


def deployed(second: float, event: int) -> ChangeApplied:
    component, by, tag, previous, commit, message = [
        ("feed", "tom", "2.3.2", "2.3.1", OTHER_COMMIT, "Log fewer lines"),
        ("model-server", "priya", "2.4.1", "2.3.1", CAUSE_COMMIT, "Stricter input checks"),
    ][event]
    return ChangeApplied(
        at=at(second),
        event=event,
        component=component,
        by=by,
        tag=tag,
        previous_tag=previous,
        message=message,
        commit=commit,
        resource_version="1",
    )


def changed(second: float, name: str, what: str, kind: str = "Deployment") -> ChangeObserved:
    return ChangeObserved(at=at(second), kind=kind, name=name, what=what)


def declared(second: float) -> IncidentDeclared:
    return IncidentDeclared(at=at(second), severity="SEV2", summary="slow answers")


def diagnosed(second: float, cause: str = "release-slow-path") -> DiagnosisGiven:
    return DiagnosisGiven(at=at(second), cause=cause, component="model-server", change=CAUSE_COMMIT)


def steady() -> dict[str, Edit]:
    """A stack that is as it must be."""
    return {
        "bites": lambda s: 0.999,
        "objective.good_share": lambda s: 0.999,
        "good_share": lambda s: 0.999,
        "planned": lambda s: 40.0,
        "offered": lambda s: 40.0,
        "registered_share": lambda s: 1.0,
        "serving.gateway": lambda s: 0.0,
        "serving.model-server": lambda s: 1.0,
        "alerting": lambda s: 1.0,
        "history": lambda s: 1.0,
    }


def solved_run() -> Run:
    """Onset at 95 s, alert at 110, declared at 140, mended at 180, right again from 200, resolved at 225."""
    values = steady()
    values["objective.good_share"] = lambda s: 0.85 if 95 <= s < 200 else 0.995
    values["good_share"] = lambda s: 0.85 if 80 <= s < 182 else 0.999
    return Run(
        events=[
            *started(),
            deployed(20, 0),
            deployed(80, 1),
            OnsetObserved(at=at(95), value=0.96),
            AlertFired(at=at(110), name="GoodShareBurn"),
            declared(140),
            diagnosed(170),
            changed(180, "model-server", "image 2.4.1 -> 2.3.1"),
            ResolveAccepted(at=at(225)),
            PhaseEntered(at=at(225.5), phase="writing", reason="resolved"),
        ],
        values=values,
    )


def unsolved_run() -> Run:
    """The same fault, and nobody does anything until the twelve minutes are over."""
    run = solved_run().without(
        IncidentDeclared, type(diagnosed(0)), type(changed(0, "", "")), ResolveAccepted, PhaseEntered
    )
    run.values["objective.good_share"] = lambda s: 0.85 if s >= 95 else 0.999
    run.values["good_share"] = lambda s: 0.85 if s >= 80 else 0.999
    run.lasts = 720
    return run.add(
        PhaseEntered(at=at(0), phase="on_call"), PhaseEntered(at=at(720), phase="writing", reason="time is up")
    )


def quiet_run() -> Run:
    """Nothing is wrong; the learner looks, and says so after five minutes."""
    return Run(
        scenario_yaml=QUIET_SCENARIO,
        events=[
            *started(),
            deployed(20, 0),
            AlertFired(at=at(110), name="GoodShareBurn"),
            NothingWrongClaimed(at=at(300), reason="request_duration_seconds is as on any other day"),
            PhaseEntered(at=at(300.5), phase="writing"),
        ],
        values=steady(),
        lasts=300,
    )


def closed(second: float) -> DeclarationClosed:
    return DeclarationClosed(at=at(second))
