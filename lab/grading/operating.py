"""The operating score: how the incident was detected, diagnosed, mitigated, and with what care. 100 points."""

from __future__ import annotations

from lab.content.causes import NO_FAULT, Causes
from lab.grading.care import INNOCENT_COMPONENT, WRONG_CHANGE, care_of
from lab.grading.closeness import closeness
from lab.grading.facts import RunFacts
from lab.grading.report import ScoreLine
from lab.incident.commands import queried

FULL_SECONDS, ZERO_SECONDS = 120.0, 600.0
"""Times from first-visible score in full up to the first, nothing from the second, and linearly between."""

DETECT, FALSE_DECLARATION = 25.0, 5.0
CAUSE, CAUSE_PARENT, COMPONENT, CHANGE = 12.0, 6.0, 6.0, 7.0
HELD, HELD_IN_TIME = 12.0, 23.0
CARE = 15.0
HOLD_FIRE, QUIET_FALSE_DECLARATION = 60.0, 20.0
SAID_SO, LOOKED = 15.0, 10.0


def score_operating(facts: RunFacts, causes: Causes) -> tuple[ScoreLine, ...]:
    """The lines of the operating score; their points add up to 0..100."""
    if facts.quiet:
        return (_hold_fire(facts), *_reason(facts), _quiet_care(facts))
    return (*_detect(facts), *_diagnose(facts, causes), *_mitigate(facts), _care(facts))


def root_cause_named(facts: RunFacts, causes: Causes) -> bool:
    """Whether the last diagnosis is the true cause or its parent; saying that nothing is wrong names `no-fault`."""
    return closeness(causes, _named(facts), facts.scenario.truth.root_cause) in ("exact", "parent")


def in_time(seconds: float) -> float:
    """Share of points for a time from first-visible, 1 down to 0."""
    return min(1.0, max(0.0, (ZERO_SECONDS - seconds) / (ZERO_SECONDS - FULL_SECONDS)))


def _line(part: str, points: float, of: float, why: str) -> ScoreLine:
    return ScoreLine(side="operated", part=part, points=round(points, 2), of=of, why=why)


def _named(facts: RunFacts) -> str:
    if facts.state.nothing_wrong is not None:
        return NO_FAULT
    return facts.state.diagnosis.cause if facts.state.diagnosis else ""


def _detect(facts: RunFacts) -> list[ScoreLine]:
    start, detected = facts.clock_starts, facts.detected_at
    if start is None or detected is None:
        points, why = 0.0, "no incident was declared after it had begun"
    else:
        late = max(0.0, detected - start)
        points = DETECT * in_time(late)
        since = "the alert first fired" if facts.state.first_visible_at is not None else "the incident began"
        why = f"declared {late:.0f} s after {since}; full up to {FULL_SECONDS:.0f} s, none from {ZERO_SECONDS:.0f} s"
    lines = [_line("detect", points, DETECT, why)]
    false = sum(one.false for one in facts.state.declarations)
    if false:
        lost = min(points, false * FALSE_DECLARATION)
        lines.append(_line("false_alarms", -lost, 0, f"{false} declared before anything was wrong; 5 points each"))
    return lines


def _diagnose(facts: RunFacts, causes: Causes) -> list[ScoreLine]:
    truth, given = facts.scenario.truth, facts.state.diagnosis
    named = _named(facts)
    match closeness(causes, named, truth.root_cause):
        case "exact":
            cause = _line("diagnose_cause", CAUSE, CAUSE, f"{named}, rightly named")
        case "parent":
            why = f"expected {truth.root_cause}; {named} is the wider group it belongs to"
            cause = _line("diagnose_cause", CAUSE_PARENT, CAUSE, why)
        case "symptom" | "decoy":
            cause = _line("diagnose_cause", 0, CAUSE, f"expected {truth.root_cause}; you said {named}")
        case "none":
            cause = _line("diagnose_cause", 0, CAUSE, f"expected {truth.root_cause}; no diagnosis was given")
    component = given.component if given and facts.state.nothing_wrong is None else "none"
    right = component == truth.component
    why = f"{truth.component}, right" if right else f"expected {truth.component}; you said {component}"
    return [cause, _line("diagnose_where", COMPONENT if right else 0, COMPONENT, why), _change(facts)]


def _change(facts: RunFacts) -> ScoreLine:
    given = facts.state.diagnosis if facts.state.nothing_wrong is None else None
    said = given.change if given else None
    expected = facts.cause_change
    if expected is None:
        right = given is not None and not said
        why = "no change is behind it" + ("" if right else f"; you said {said or 'nothing'}")
    else:
        right = same_commit(said, expected.commit)
        shown = f"{short(expected.commit)} ({expected.component} {expected.tag}: {expected.message})"
        why = f"{shown}, right" if right else f"expected {shown}; you said {short(said) if said else 'none'}"
    return _line("diagnose_change", CHANGE if right else 0, CHANGE, why)


def _mitigate(facts: RunFacts) -> list[ScoreLine]:
    held, start = facts.mitigated_at, facts.clock_starts
    if held is None or start is None:
        why = "the objectives never held for as long as they must"
        return [_line("mitigate_held", 0, HELD, why), _line("mitigate_time", 0, HELD_IN_TIME, why)]
    lines = [_line("mitigate_held", HELD, HELD, "every objective held")]
    if facts.resolved_at is None:
        why = "it held, and nobody called it over: the time counts with an accepted resolve"
        return [*lines, _line("mitigate_time", 0, HELD_IN_TIME, why)]
    late = max(0.0, held - start)
    why = (
        f"right again {late:.0f} s after first-visible; full up to {FULL_SECONDS:.0f} s, none from {ZERO_SECONDS:.0f} s"
    )
    return [*lines, _line("mitigate_time", HELD_IN_TIME * in_time(late), HELD_IN_TIME, why)]


def _care(facts: RunFacts) -> ScoreLine:
    if not facts.state.learner_changes:
        return _line("care", 0, CARE, "nothing was done, so there is no care to judge")
    care = care_of(facts)
    reasons = [f"{change.kind} {change.name}, {change.what}: no part of what held" for change in care.wrong]
    reasons += [f"{name} was touched without need" for name in care.innocent]
    if care.hint_cost:
        reasons.append(f"hints cost {care.hint_cost}")
    rule = f"{WRONG_CHANGE:.0f} points a change, {INNOCENT_COMPONENT:.0f} a component"
    why = f"{'; '.join(reasons)} ({rule})" if reasons else "only what was needed, and no help"
    return _line("care", max(0.0, CARE - care.lost), CARE, why)


def _hold_fire(facts: RunFacts) -> ScoreLine:
    changes = facts.state.learner_changes
    if changes:
        first = changes[0]
        why = f"nothing was wrong, and you changed {first.kind} {first.name[:40]}: {first.what}"
        return _line("hold_fire", 0, HOLD_FIRE, why)
    declared = len(facts.state.declarations)
    points = max(0.0, HOLD_FIRE - declared * QUIET_FALSE_DECLARATION)
    why = "you changed nothing" + (f", and declared {declared} times without cause, 20 points each" if declared else "")
    return _line("hold_fire", points, HOLD_FIRE, why)


def _reason(facts: RunFacts) -> list[ScoreLine]:
    said = _named(facts) == NO_FAULT
    why = "you said that nothing was wrong" if said else "you did not say that nothing was wrong"
    text = facts.state.nothing_wrong.reason if facts.state.nothing_wrong else ""
    evidence = facts.scenario.truth.evidence
    looked = said and any(name in text or queried(facts.state, name) for name in evidence)
    names = ", ".join(evidence)
    looked_why = "you looked at what tells" if looked else f"expected a query of, or a reason naming, one of: {names}"
    return [
        _line("said_so", SAID_SO if said else 0, SAID_SO, why),
        _line("evidence", LOOKED if looked else 0, LOOKED, looked_why),
    ]


def _quiet_care(facts: RunFacts) -> ScoreLine:
    cost = sum(hint.cost for hint in facts.state.hints)
    why = f"hints cost {cost}" if cost else "no help was taken"
    return _line("care", max(0.0, CARE - cost), CARE, why)


def same_commit(said: str | None, commit: str) -> bool:
    """Whether a hash as people write it (at least six characters of it) is that commit."""
    text = (said or "").strip().lower()
    return len(text) >= 6 and (commit.lower().startswith(text) or text.startswith(commit.lower()))


def short(commit: str) -> str:
    """The first eight characters of a hash."""
    return commit[:8]
