"""The hard gates: a fix that breaks one of these is no fix, whatever the objectives say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, assert_never

from lab.content.model import SafeguardName, Scenario
from lab.grading.report import Check
from lab.incident.gaps import holes, made_by_learner, values
from lab.incident.harm import worst_window
from lab.incident.objectives import closing_time, longest_hold
from lab.incident.record import Samples
from lab.incident.state import RunState

TRAFFIC_LOW, TRAFFIC_HIGH = 0.95, 1.05
"""The feed offers this share of the planned requests, at least and at most."""
REGISTERED_SHARE = 0.999
"""Least share of valid answers that come from registered model versions."""
_ALERTED = ("prometheus", "discovery")
"""Components whose change answers for alerts without series; a roll-out of the feed leaves them some seconds."""
HARM_MARGIN = 0.10
"""How far below the scenario's floor a 30 s window may fall after the learner's first change."""

Verdict = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a safeguard is judged from."""

    scenario: Scenario
    samples: Samples
    state: RunState
    start: float
    """The window: the hold before the accepted resolve, or the last hold seconds of on_call."""
    end: float


def judge_safeguards(scenario: Scenario, samples: Samples, state: RunState) -> tuple[Check, ...]:
    """Every safeguard that the scenario lists, in its order; `unknown` never counts against the learner."""
    end = closing_time(state, samples)
    judged = Judged(scenario, samples, state, end - longest_hold(scenario), end)
    checks = []
    for name in scenario.safeguards:
        verdict, why = _judge(name, judged)
        checks.append(Check(name=name, kind="safeguard", verdict=verdict, why=why))
    return tuple(checks)


def _judge(name: SafeguardName, judged: Judged) -> tuple[Verdict, str]:
    match name:
        case "serving":
            return _serving(judged)
        case "traffic":
            return _traffic(judged)
        case "alerting":
            return _alerting(judged)
        case "history":
            return _intact(judged, "history", _run_start(judged), ("registry",), "commits and model versions")
        case "data":
            return _intact(judged, "data", _run_start(judged), ("registry", "monitor"), "what was recorded and stored")
        case "no_harm":
            return _no_harm(judged)
        case _:
            assert_never(name)


def _run_start(judged: Judged) -> float:
    return judged.state.gate_at if judged.state.gate_at is not None else 0.0


def _serving(judged: Judged) -> tuple[Verdict, str]:
    return _worst(
        [_replicas(judged, "gateway"), _replicas(judged, "model-server")],
        "gateway and model-server had the replicas they must have",
    )


def _replicas(judged: Judged, component: str) -> tuple[Verdict, str]:
    return _every(
        judged,
        f"serving.{component}",
        judged.start,
        (component,),
        ok=lambda spare: spare >= 0,
        wrong=lambda spare: f"{component} had {-spare:.0f} ready replicas fewer than it must",
    )


def _traffic(judged: Judged) -> tuple[Verdict, str]:
    return _worst([_offered(judged), _registered(judged)], "the planned requests were offered and answered as planned")


def _offered(judged: Judged) -> tuple[Verdict, str]:
    offered = judged.samples.of("offered")
    for hole in holes(offered, judged.start, judged.end):
        if made_by_learner(judged.state, hole, ("feed",)):
            return "fail", f"after your change to feed no requests were seen for {hole.seconds:.0f} s"
        return "unknown", f"the requests offered were not measured for {hole.seconds:.0f} s"
    planned = dict(values(judged.samples.of("planned"), judged.start, judged.end))
    pairs = [(sent, planned[at]) for at, sent in values(offered, judged.start, judged.end) if at in planned]
    total = sum(plan for _, plan in pairs)
    if not pairs or total <= 0:
        return "unknown", "no plan was recorded to compare the requests with"
    share = sum(sent for sent, _ in pairs) / total
    figure = f"{share:.1%} of the planned requests were offered, and it must be {TRAFFIC_LOW:.0%} to {TRAFFIC_HIGH:.0%}"
    return ("pass" if TRAFFIC_LOW <= share <= TRAFFIC_HIGH else "fail"), figure


def _registered(judged: Judged) -> tuple[Verdict, str]:
    shares = [share for _, share in values(judged.samples.of("registered_share"), judged.start, judged.end)]
    if not shares:
        return "pass", "there were no answers to attribute"
    mean = sum(shares) / len(shares)
    figure = f"{mean:.2%} of the answers came from registered model versions, and it must be {REGISTERED_SHARE:.1%}"
    return ("pass" if mean >= REGISTERED_SHARE else "fail"), figure


def _alerting(judged: Judged) -> tuple[Verdict, str]:
    intact = _intact(judged, "alerting", judged.start, _ALERTED, "the protected alerts")
    return _worst([intact, _unsilenced(judged)], intact[1])


def _unsilenced(judged: Judged) -> tuple[Verdict, str]:
    """The last sample in the window decides; a record without that series was made before silences counted."""
    series = judged.samples.of("silenced")
    if not series.at:
        return "pass", ""
    known = list(values(series, judged.start, judged.end))
    if known and known[-1][1] >= 1:
        return "fail", "a silence or a changed route kept the protected alerts quiet at the end"
    last = max(judged.start, known[-1][0]) if known else judged.start
    for hole in holes(series, last, judged.end):
        if made_by_learner(judged.state, hole, ("alertmanager",)):
            return "fail", f"after your change to alertmanager nobody would have been told for {hole.seconds:.0f} s"
        return "unknown", f"for {hole.seconds:.0f} s it was not known what was silenced"
    return "pass", ""


def _intact(judged: Judged, series: str, start: float, components: tuple[str, ...], what: str) -> tuple[Verdict, str]:
    return _every(
        judged,
        series,
        start,
        components,
        ok=lambda intact: intact >= 1,
        wrong=lambda _: f"{what} were not as they must be",
        right=f"{what} stayed as they must be",
    )


def _every(
    judged: Judged,
    series: str,
    start: float,
    components: tuple[str, ...],
    *,
    ok: Callable[[float], bool],
    wrong: Callable[[float], str],
    right: str = "",
) -> tuple[Verdict, str]:
    """Every sample from `start` to the end is right; holes are the learner's to answer for, or matter in the window."""
    samples = judged.samples.of(series)
    for at, value in values(samples, start, judged.end):
        if not ok(value):
            return "fail", f"{wrong(value)}, {judged.end - at:.0f} s before the end"
    for hole in holes(samples, start, judged.end):
        if made_by_learner(judged.state, hole, components):
            return "fail", f"after your change it could not be measured for {hole.seconds:.0f} s"
        if hole.end > judged.start:
            return "unknown", f"it was not measured for {hole.seconds:.0f} s"
    return "pass", right


def _no_harm(judged: Judged) -> tuple[Verdict, str]:
    changes = judged.state.learner_changes
    if not changes:
        return "pass", "you changed nothing"
    least = judged.scenario.truth.floor - HARM_MARGIN
    found = worst_window(judged.samples.of("good_share"), judged.state, changes[0].at, judged.end)
    if found is None:
        return "unknown", "no 30 s after your first change were measured throughout"
    figure = f"the worst 30 s after your first change had {found:.1%} good requests, and it must be {least:.1%} or more"
    return ("pass" if found >= least else "fail"), figure


def _worst(results: list[tuple[Verdict, str]], right: str) -> tuple[Verdict, str]:
    for wanted in ("fail", "unknown"):
        for verdict, why in results:
            if verdict == wanted:
                return verdict, why
    return "pass", right
