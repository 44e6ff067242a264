"""The incident note: what an empty one looks like, what its form lacks, and what it scores against the record."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from lab.content.causes import Causes, load_causes
from lab.content.model import COMPONENTS
from lab.content.names import suggestion
from lab.errors import Problem
from lab.grading import parts
from lab.grading.actions import given_actions, is_role
from lab.grading.blameless import blames
from lab.grading.body import Note, read_note, words
from lab.grading.closeness import identify
from lab.grading.contradictions import contradictions, folded, reference_time, stated_times
from lab.grading.facts import RunFacts
from lab.grading.layout import KEYS, SECTIONS, TIME_KEYS, Action, NoteFields, TemplateFacts, render, template
from lab.grading.moments import ACCEPTED, parse_moment
from lab.grading.report import ScoreLine
from lab.grading.severity import SEVERITIES, parse_severity

__all__ = ["CAP", "Action", "NoteFields", "NoteGrade", "TemplateFacts", "grade_note", "lint", "render", "template"]

CAP = 60.0
"""The most a note scores whose root cause is wrong, or whose sections are empty."""
LEAST_SECTION_POINTS = 6.0


@dataclass(frozen=True, slots=True)
class NoteGrade:
    """What a note scored; the points of the lines add up to the score, but for rounding."""

    score: float
    """0 to 100."""
    lines: tuple[ScoreLine, ...]
    root_cause_named: bool
    """Whether the root cause is exact or its parent."""


def grade_note(text: str | None, facts: RunFacts, causes: Causes) -> NoteGrade:
    """Score a note against the record; what cannot be read scores nothing, and the rest is scored."""
    note = read_note(text or "", "note.md")
    scored = _parts(note, facts, causes)
    named = parts.cause_closeness(note, facts, causes) in ("exact", "parent")
    asked = sum(part.of for part in scored)
    scale = 100.0 / asked
    lines = [_line(part.name, part.points * scale, part.of * scale, part.why) for part in scored]
    total = sum(part.points for part in scored) * scale
    for found in contradictions(note, causes, facts.began_at):
        lost = min(parts.CONTRADICTION, total)
        total -= lost
        lines.append(_line("contradiction", -lost, 0, f"line {found.line}: {found.why}"))
    reasons = _caps(scored, named)
    if reasons and total > CAP:
        lines.append(_line("cap", CAP - total, 0, f"at most {CAP:.0f}, since {' and '.join(reasons)}"))
        total = CAP
    return NoteGrade(round(total, 1), tuple(lines), named)


def lint(text: str, path: str, causes: Causes | None = None) -> list[Problem]:
    """What the form of a note lacks, by line; compares nothing with the run, so it gives nothing away."""
    known = causes if causes is not None else load_causes()
    note = read_note(text, path)
    found = [*note.problems, *_answer_problems(note, known), *_time_problems(note)]
    found += [*_action_problems(note, known), *_body_problems(note)]
    found += [
        Problem(path, one.line, "contradiction", one.why, "make both say the same")
        for one in contradictions(note, known, reference_time(note))
    ]
    return sorted(found, key=lambda problem: problem.line)


def _parts(note: Note, facts: RunFacts, causes: Causes) -> list[parts.Part]:
    scored = [parts.sections(note, facts.scenario.level), parts.root_cause(note, facts, causes)]
    if not facts.quiet:
        scored += [*parts.change_parts_of(note, facts), *parts.times(note, facts)]
        severity = parts.severity(note, facts)
        scored += [severity] if severity is not None else []
    return [*scored, parts.actions(note, facts, causes), parts.blameless(note, facts)]


def _caps(scored: list[parts.Part], named: bool) -> list[str]:
    reasons = [] if named else ["the root cause is neither exact nor its parent"]
    if scored[0].points < LEAST_SECTION_POINTS:
        reasons.append(f"the sections have {scored[0].points:g} of {scored[0].of:g} points")
    return reasons


def _line(part: str, points: float, of: float, why: str) -> ScoreLine:
    return ScoreLine(side="explained", part=part, points=round(points, 2), of=round(of, 2), why=why)


def _answer_problems(note: Note, causes: Causes) -> list[Problem]:
    found = []

    def problem(key: str, what: str, next_step: str) -> None:
        found.append(Problem(note.path, note.matter.line_of(key), key, what, next_step))

    optional = ("incident", "detected_by", "mitigation", "impact", "evidence", "ruled_out")
    later = ("component", "change", "bad_version", "good_version", "severity", *TIME_KEYS)
    skipped = later if parts.names_no_fault(note, causes) else ()
    for key in KEYS:
        if key not in (*optional, *skipped, "actions") and not note.matter.answers(key):
            problem(key, "has no answer", "fill it in; see the hint in the template")
    answers = note.matter.answers("root_cause")
    if len(answers) > 1:
        problem("root_cause", "has more than one answer", "keep the one you stand by")
    elif answers and identify(causes, answers[0]) is None:
        near = causes.nearest(answers[0][:60])
        step = f"did you mean `{near.id}`?" if near else "see `lab incident causes`"
        problem("root_cause", f"`{answers[0][:40]}` is not in the vocabulary", step)
    component = note.matter.text("component")
    if component and folded(component) not in (*COMPONENTS, "none"):
        problem("component", f"`{component[:40]}` is not a component", suggestion(folded(component)[:40], COMPONENTS))
    severity = note.matter.text("severity")
    if severity and parse_severity(severity) is None:
        problem("severity", f"`{severity[:40]}` is not a severity", f"use one of {', '.join(SEVERITIES)}")
    return found


def _time_problems(note: Note) -> list[Problem]:
    found = []
    for key in TIME_KEYS:
        said = note.matter.text(key)
        if said and parse_moment(said, 0.0) is None:
            line = note.matter.line_of(key)
            found.append(Problem(note.path, line, key, f"`{said[:40]}` is not a time", f"write {ACCEPTED}"))
    given = stated_times(note, reference_time(note))
    keys = [key for key in TIME_KEYS if key in given]
    for earlier, later in pairwise(keys):
        gap = given[earlier].start - given[later].end
        if 0 < gap < 12 * 3600:
            line = note.matter.line_of(later)
            found.append(Problem(note.path, line, later, f"is before {earlier}", "put the times in order"))
    return found


def _action_problems(note: Note, causes: Causes) -> list[Problem]:
    found = []

    def problem(line: int, what: str, next_step: str) -> None:
        found.append(Problem(note.path, line, "actions", what, next_step))

    actions = [action for action in given_actions(note.matter.rows("actions")) if action.counts]
    first = note.matter.line_of("actions")
    if not actions:
        problem(first, "there is none that says in three words or more what to do", "write `- do: ...` for each")
    for kind in ("prevent", "detect"):
        if actions and not parts.names_no_fault(note, causes) and all(action.kind != kind for action in actions):
            problem(first, f"none is of type {kind}", f"add one with `type: {kind}`")
    for action in actions:
        if not is_role(action.owner, ()):
            problem(action.line, f"the owner `{action.owner[:40]}` is not a role", "name a role or team, not a person")
        if not action.due:
            problem(action.line, "there is no due date", "write a date, or `2 weeks`")
        if identify(causes, action.addresses) is None:
            problem(action.line, "`addresses` names no root cause", "write the id of the cause it is about")
    return found


def _body_problems(note: Note) -> list[Problem]:
    found = []
    for heading in SECTIONS[1]:
        if heading not in note.sections:
            what, step = "the heading is missing", f"add a line `## {heading}` and write below it"
            found.append(Problem(note.path, note.body_line, heading, what, step))
        elif len(set(words(note.sections[heading]))) < parts.OWN_WORDS:
            what, step = "has next to no words of its own", "write a sentence or two"
            found.append(Problem(note.path, note.lines[heading], heading, what, step))
    for blame in blames(note, ()):
        what, step = f"makes a person the cause: {blame.sentence[:60]}", "say what made the step look right"
        found.append(Problem(note.path, blame.line, "blameless", what, step))
    return found
