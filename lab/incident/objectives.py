"""Whether the stack is right again: how long each objective has held, and what is still missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.content.model import Objective, Scenario
from lab.content.values import Comparison
from lab.grading.report import Check
from lab.incident.gaps import HOLE_SECONDS, hole_before, made_by_learner, measured
from lab.incident.record import Samples, Series
from lab.incident.state import RunState

Held = Literal["held", "short", "wrong", "unmeasured"]


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a quantity has satisfied its bound without a break, as of the newest sample."""

    status: Held
    """`held` long enough, `short` of it, `wrong` now, or `unmeasured` now."""
    since: float | None
    """When the unbroken stretch began; None unless held or short."""
    seconds: float
    """Length of that stretch."""
    value: float | None
    """The newest measured value."""
    broken_by: Literal["value", "null", "hole"] | None
    """What came right before the stretch: a wrong value, a sample without one, or no samples at all."""
    broken_at: float | None


def held(series: Series, must: Comparison, hold_seconds: float, now: float, *, since: float) -> Hold:
    """
    How long `must` has held without a break between `since` and `now`.

    A sample without a value breaks the hold, and so does a hole of more than HOLE_SECONDS: what was not measured is
    not known to have been right.
    """
    samples = [(at, measured(value)) for at, value in series.between(since, now)]
    newest = next((value for _, value in reversed(samples) if value is not None), None)
    if not samples or samples[-1][1] is None or now - samples[-1][0] > HOLE_SECONDS:
        return Hold("unmeasured", None, 0.0, newest, None, None)
    start: float | None = None
    broken: tuple[Literal["value", "null", "hole"], float] | None = None
    for at, value in reversed(samples):
        if start is not None and start - at > HOLE_SECONDS:
            broken = ("hole", start)
            break
        if value is None or not must.holds(value):
            broken = ("null" if value is None else "value", at)
            break
        start = at
    why, when = broken or (None, None)
    if start is None:
        return Hold("wrong", None, 0.0, newest, why, when)
    seconds = samples[-1][0] - start
    return Hold("held" if seconds >= hold_seconds else "short", start, seconds, newest, why, when)


def hold_of(objective: Objective, samples: Samples, now: float, *, since: float) -> Hold:
    """`held` for one objective of a scenario."""
    return held(samples.of(f"objective.{objective.name}"), objective.must, objective.hold, now, since=since)


def resolve_reasons(scenario: Scenario, samples: Samples, state: RunState, now: float) -> tuple[str, ...]:
    """Why a resolve at `now`, after onset, is refused: one sentence per objective; empty means accepted."""
    since = state.onset_at if state.onset_at is not None else now
    reasons = []
    for objective in scenario.objectives:
        hold = hold_of(objective, samples, now, since=since)
        if hold.status != "held":
            reasons.append(_reason(objective, hold))
    return tuple(reasons)


def resolve(
    scenario: Scenario, samples: Samples, state: RunState, now: float
) -> Literal["close_as_false"] | tuple[str, ...]:
    """
    What a resolve at `now` comes to.

    `close_as_false` before onset and in a quiet run, else the reasons that speak against it (none: accepted).
    """
    if state.quiet or state.onset_at is None or now < state.onset_at:
        return "close_as_false"
    return resolve_reasons(scenario, samples, state, now)


def longest_hold(scenario: Scenario) -> float:
    """Seconds of the longest hold, which is the window that safeguards are judged over."""
    return max(objective.hold for objective in scenario.objectives)


def closing_time(state: RunState, samples: Samples) -> float:
    """When the judged part of the run ended: the accepted resolve, else the end of on_call, else the last sample."""
    if state.resolve_accepted_at is not None:
        return state.resolve_accepted_at
    last = max((series.at[-1] for series in samples.series.values() if series.at), default=0.0)
    if state.nothing_wrong is not None:
        return state.nothing_wrong.at
    return last if state.on_call_ends is None else state.on_call_ends


def mitigated_at(scenario: Scenario, samples: Samples, state: RunState) -> float | None:
    """When the hold that ended the incident began: from then on every objective was right. None if it never did."""
    if state.onset_at is None:
        return None
    end = closing_time(state, samples)
    holds = [hold_of(objective, samples, end, since=state.onset_at) for objective in scenario.objectives]
    starts = [hold.since for hold in holds if hold.status == "held" and hold.since is not None]
    if len(starts) == len(holds):
        return max(starts)
    return None if state.resolve_accepted_at is None else end - longest_hold(scenario)


def judge_objectives(scenario: Scenario, samples: Samples, state: RunState) -> tuple[Check, ...]:
    """Each objective as of the end of on_call: pass if held, fail if not, unknown if the lab did not measure it."""
    return tuple(_judge(objective, scenario, samples, state) for objective in scenario.objectives)


def _judge(objective: Objective, scenario: Scenario, samples: Samples, state: RunState) -> Check:
    verdict, why = _verdict(objective, samples, state)
    return Check(name=objective.name, kind="objective", verdict=verdict, why=why)


def _verdict(objective: Objective, samples: Samples, state: RunState) -> tuple[Literal["pass", "fail", "unknown"], str]:
    if state.nothing_wrong is not None and not state.quiet:
        return "fail", "you ended the run by saying that nothing was wrong, and something was"
    if state.resolve_accepted_at is not None:
        return "pass", f"had held {objective.must} for {objective.hold:g} s when the resolve was accepted"
    end = closing_time(state, samples)
    since = state.onset_at if state.onset_at is not None else 0.0
    hold = hold_of(objective, samples, end, since=since)
    if hold.status == "held":
        return "pass", f"held {objective.must} for the last {objective.hold:g} s of on_call"
    if state.onset_at is None and not state.quiet:
        return "unknown", "the fault had not shown yet when the run ended"
    if _lab_failed_to_measure(objective, samples, state, hold, end):
        return "unknown", "the lab has no samples of it where they were needed"
    return "fail", _reason(objective, hold)


def _lab_failed_to_measure(objective: Objective, samples: Samples, state: RunState, hold: Hold, end: float) -> bool:
    """Whether what kept an objective from holding is a hole that the learner has not made."""
    unmeasured = hold.status == "unmeasured" or (hold.status == "short" and hold.broken_by in ("null", "hole"))
    if not unmeasured:
        return False
    until = end if hold.since is None else hold.since
    return not made_by_learner(state, hole_before(samples.of(f"objective.{objective.name}"), until - 0.001), ())


def _reason(objective: Objective, hold: Hold) -> str:
    name, must, wanted = objective.name, objective.must, objective.hold
    value = "unknown" if hold.value is None else f"{hold.value:.4g}"
    match hold.status:
        case "unmeasured":
            return f"{name} cannot be measured now (last value {value}); it must be {must} for {wanted:g} s on end"
        case "wrong":
            return f"{name} is {value} now and must be {must}, for {wanted:g} s on end"
        case "held" | "short":
            missing = max(0.0, wanted - hold.seconds)
            text = (
                f"{name} is {value}, right ({must}), for {hold.seconds:.0f} s of {wanted:g} s: {missing:.0f} s missing"
            )
            if hold.broken_by in ("null", "hole"):
                text += "; the count began again because it could not be measured for a moment"
            return text
