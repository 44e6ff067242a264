"""The parts of the explaining score: each compares one thing that a note says with the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from lab.content.causes import NO_FAULT, Causes
from lab.content.model import ChangeRef
from lab.grading.actions import GivenAction, due_in_time, given_actions, is_role
from lab.grading.blameless import LEAST_WORDS, blames, is_english
from lab.grading.body import Note, words
from lab.grading.closeness import Closeness, closeness, identify
from lab.grading.contradictions import folded, stated_times, version_text
from lab.grading.facts import RunFacts
from lab.grading.layout import SECTIONS, TIME_KEYS
from lab.grading.moments import ACCEPTED, Moment, clock_text
from lab.grading.operating import same_commit, short
from lab.grading.severity import SEVERITIES, parse_severity, right_severities

SECTION_POINTS, OWN_WORDS = 8.0, 6
CAUSE, CAUSE_PARENT, CAUSE_SYMPTOM = 20.0, 8.0, 3.0
COMPONENT, CHANGE, VERSION = 2.0, 6.0, 2.0
TIME, FULL_SHARE, FULL_SECONDS, ZERO_SHARE = 3.0, 0.10, 5.0, 0.50
SEVERITY, SEVERITY_NEXT = 3.0, 1.0
BLAMELESS = 4.0
CONTRADICTION = 5.0


@dataclass(frozen=True, slots=True)
class Part:
    """Points of one part before they are rescaled; `of` 0 where the part is not asked."""

    name: str
    points: float
    of: float
    why: str


def sections(note: Note, level: int) -> Part:
    """Each section that the level asks for is there, with words of its own."""
    asked = SECTIONS[level]
    seen: set[str] = set()
    missing = []
    for heading in asked:
        own = words(note.sections.get(heading, ""))
        text = " ".join(own)
        if len(set(own)) < OWN_WORDS or text in seen:
            missing.append(heading)
        seen.add(text)
    points = SECTION_POINTS * (len(asked) - len(missing)) / len(asked)
    why = f"expected {OWN_WORDS} words of your own or more under: {', '.join(missing)}" if missing else "all there"
    return Part("sections", points, SECTION_POINTS, why)


def cause_closeness(note: Note, facts: RunFacts, causes: Causes) -> Closeness:
    """How close the one root cause named is to the truth; more than one answer is a decoy."""
    answers = note.matter.answers("root_cause")
    if len(answers) > 1:
        return "decoy"
    return closeness(causes, answers[0] if answers else "", facts.scenario.truth.root_cause)


def root_cause(note: Note, facts: RunFacts, causes: Causes) -> Part:
    """The root cause: exact, its family, a symptom, or none of these."""
    truth, answers = facts.scenario.truth.root_cause, note.matter.answers("root_cause")
    said = ", ".join(answers)[:60] or "nothing"
    if len(answers) > 1:
        return Part("root_cause", 0, CAUSE, f"expected the one answer {truth}; you gave {len(answers)}")
    points, why = {
        "exact": (CAUSE, f"{truth}, rightly named"),
        "parent": (CAUSE_PARENT, f"expected {truth}; {said} is the wider group it belongs to"),
        "symptom": (CAUSE_SYMPTOM, f"expected {truth}; {said} is how it showed, not why"),
        "decoy": (0.0, f"expected {truth}; you wrote {said}"),
        "none": (0.0, f"expected {truth}; you wrote nothing"),
    }[cause_closeness(note, facts, causes)]
    return Part("root_cause", points, CAUSE, why)


def change_parts_of(note: Note, facts: RunFacts) -> Iterator[Part]:
    """Component, change and versions."""
    truth = facts.scenario.truth
    said, component = note.matter.text("component"), truth.component or "none"
    yield _exact("component", COMPONENT, folded(said) == component, component, said)
    change, said = facts.cause_change, note.matter.text("change")
    if change is None:
        if not isinstance(truth.change, ChangeRef):
            yield _exact("change", CHANGE, said.lower() in ("none", "no", "-", "n/a"), "none", said)
        return
    yield _exact("change", CHANGE, same_commit(said.split(" ")[0], change.commit), short(change.commit), said)
    for key, right in (("bad_version", (change.tag,)), ("good_version", facts.good_versions)):
        said = note.matter.text(key)
        yield _exact(key, VERSION, version_text(said) in right, " or ".join(right), said)


def _exact(name: str, of: float, right: bool, expected: str, said: str) -> Part:
    return Part(
        name, of if right else 0, of, f"{expected}, right" if right else f"expected {expected}; you wrote {_q(said)}"
    )


def _q(said: str) -> str:
    return said[:60] or "nothing"


def true_times(facts: RunFacts) -> dict[str, tuple[float, float]]:
    """The recorded span of each time that the run has; detection is anywhere from the alert to the declaration."""
    found: dict[str, tuple[float, float]] = {}
    if facts.onset_at is not None:
        found["started"] = (facts.onset_at, facts.onset_at)
    noticed = [at for at in (facts.state.first_visible_at, facts.detected_at) if at is not None]
    if noticed and facts.detected_at is not None:
        found["detected"] = (min(noticed), max(noticed))
    if facts.mitigated_at is not None:
        found["mitigated"] = (facts.mitigated_at, facts.mitigated_at)
    if facts.resolved_at is not None:
        found["resolved"] = (facts.resolved_at, facts.resolved_at)
    return found


def times(note: Note, facts: RunFacts) -> Iterator[Part]:
    """Each time against the record; of two in the wrong order, the one further off scores nothing."""
    truth, given = true_times(facts), stated_times(note, facts.began_at)
    off = {key: given[key].distance(*truth[key]) for key in truth if key in given}
    swapped = _swapped(given, truth, off)
    full = max(FULL_SECONDS, FULL_SHARE * facts.seconds)
    zero = max(ZERO_SHARE * facts.seconds, 2 * full)
    for key, (first, last) in truth.items():
        record = clock_text(first) + ("" if last - first < 1 else f" to {clock_text(last)}")
        said = note.matter.text(key)
        if key not in given:
            why = f"expected {record}; you wrote nothing" if not said else f"`{_q(said)}` is no time; write {ACCEPTED}"
            yield Part(key, 0, TIME, why)
            continue
        share = min(1.0, max(0.0, (zero - off[key]) / (zero - full)))
        why = f"{off[key]:.0f} s from the record ({record} UTC); full within {full:.0f} s, none from {zero:.0f} s"
        if key in swapped:
            share, why = 0.0, f"out of order with your other times; the record says {record} UTC"
        yield Part(key, TIME * share, TIME, why)


def _swapped(given: dict[str, Moment], truth: dict[str, tuple[float, float]], off: dict[str, float]) -> set[str]:
    keys = [key for key in TIME_KEYS if key in off]
    wrong = set()
    for earlier, later in pairwise(keys):
        in_order = truth[earlier][0] <= truth[later][1]
        if in_order and given[earlier].start >= given[later].end and given[earlier].start > given[later].start:
            wrong.add(earlier if off[earlier] > off[later] else later)
    return wrong


def severity(note: Note, facts: RunFacts) -> Part | None:
    """The severity that the measured impact bears out; next to it, a third. None where nothing was measured."""
    if facts.bad_share is None:
        return None
    right = right_severities(facts.bad_share)
    said = parse_severity(note.matter.text("severity"))
    harm = f"{facts.bad_share:.1%} of requests were not served as promised from onset to mitigation"
    expected = f"{' or '.join(right)}: {harm}"
    if said in right:
        return Part("severity", SEVERITY, SEVERITY, expected)
    near = said is not None and abs(SEVERITIES.index(said) - SEVERITIES.index(right[0])) == 1
    why = f"expected {expected}; you wrote {_q(note.matter.text('severity'))}"
    return Part("severity", SEVERITY_NEXT if near else 0, SEVERITY, why)


def actions(note: Note, facts: RunFacts, causes: Causes) -> Part:
    """One prevents, one detects, owners are roles, due in time, one addresses the cause; less in a quiet run."""
    given = [action for action in given_actions(note.matter.rows("actions")) if action.counts]
    truth = facts.scenario.truth.root_cause
    checks: list[tuple[float, bool, str]] = []
    if facts.quiet:
        checks.append((2.0, bool(given), "an action, for instance on what raised the alarm"))
    else:
        checks.append((2.0, any(one.kind == "prevent" for one in given), "one of type prevent"))
        checks.append((2.0, any(one.kind == "detect" for one in given), "one of type detect"))
        checks.append((1.0, any(_addresses(one, truth, causes) for one in given), f"one that addresses {truth}"))
    roles = all(is_role(one.owner, facts.people) for one in given)
    checks.append((1.0, bool(given) and roles, "a role as owner of each"))
    due = all(due_in_time(one.due, facts.began_at) for one in given)
    checks.append((1.0, bool(given) and due, "each due within eight weeks of the run"))
    missing = [what for _, met, what in checks if not met]
    points = sum(worth for worth, met, _ in checks if met)
    why = f"expected {'; '.join(missing)}" if missing else "complete"
    return Part("actions", points, sum(worth for worth, _, _ in checks), why)


def _addresses(action: GivenAction, truth: str, causes: Causes) -> bool:
    return closeness(causes, action.addresses, truth) in ("exact", "parent")


def blameless(note: Note, facts: RunFacts) -> Part:
    """No sentence makes a person the cause; not asked where the lexicon does not know the language."""
    english = is_english("\n".join(note.sections.values()))
    if english is None:
        return Part("blameless", 0, BLAMELESS, f"expected a body of {LEAST_WORDS} words or more to judge")
    found = blames(note, facts.people)
    if found:
        where = "; ".join(f"line {one.line}: {one.sentence[:90]}" for one in found[:3])
        why = f"expected what made the step look right, not who took it: {where}"
        return Part("blameless", 0, BLAMELESS, why)
    if not english:
        return Part("blameless", 0, 0, "not asked: there is no lexicon for the language of this note")
    return Part("blameless", BLAMELESS, BLAMELESS, "no person is made the cause")


def names_no_fault(note: Note, causes: Causes) -> bool:
    """Whether the note says that nothing was wrong."""
    return identify(causes, note.matter.text("root_cause")) == NO_FAULT
