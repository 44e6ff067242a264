"""The debrief: what really happened over what was done about it, both scores, and the story behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from lab.content.causes import Causes, load_causes
from lab.content.loader import parse_scenario
from lab.grading.facts import RunFacts, facts_of
from lab.grading.moments import clock_text
from lab.grading.operating import short
from lab.grading.report import Report, ScoreLine, Side
from lab.incident.events import (
    AlertCleared,
    AlertFired,
    ChangeApplied,
    ChangeIntended,
    ChangeObserved,
    DeclarationClosed,
    DiagnosisGiven,
    GatePassed,
    HintTaken,
    IncidentDeclared,
    KeeperStarted,
    NoteSubmitted,
    NothingWrongClaimed,
    OnsetObserved,
    PhaseEntered,
    QueryRun,
    RecordGap,
    ResolveAccepted,
    ResolveRefused,
    RunEvent,
    RunStarted,
)
from lab.incident.record import Bundle


def render_debrief(bundle: Bundle, report: Report, story: str, causes: Causes | None = None) -> str:
    """The debrief as Markdown; `story` is the scenario's debrief.md. Raises ContentError as `grade` does."""
    known = causes if causes is not None else load_causes()
    facts = facts_of(bundle, parse_scenario(bundle.scenario_yaml, f"{bundle.scenario}/scenario.yaml"))
    blocks = [
        f"# {facts.scenario.title}",
        f"**{_VERDICTS[report.verdict]}** Operated {report.operated:g} of 100, explained {report.explained:g} of 100."
        + (f" Failed: {', '.join(report.failed)}." if report.failed else ""),
        "## What it was",
        *_truth(facts, known),
        "## Timeline",
        "`+` the stack and your teammates, `>` you; seconds count from "
        + ("the start of on call." if facts.onset_at is None else "onset."),
        "\n".join(f"    {line}" for line in timeline(bundle, facts)),
        "## Checks",
        "\n".join(f"- {check.name}: {check.verdict}; {check.why}" for check in report.checks),
        "## Operating",
        *_table(report, "operated"),
        "## Explaining",
        *_table(report, "explained"),
        story.strip(),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


_VERDICTS = {"pass": "Passed.", "fail": "Not passed.", "void": "Void: the lab failed, and nothing counts."}


def timeline(bundle: Bundle, facts: RunFacts) -> Iterator[str]:
    """One line per event that matters, oldest first: clock (UTC), seconds from onset, whose it is, what."""
    zero = facts.onset_at if facts.onset_at is not None else facts.began_at
    moments = [(event.at, text) for event in bundle.events if (text := told(event, facts)) is not None]
    if facts.mitigated_at is not None:
        moments.append((facts.mitigated_at, "+ every objective right from here on"))
    for at, text in sorted(moments, key=lambda moment: moment[0]):
        yield f"{clock_text(at)} {at - zero:+6.0f} s  {text}"


def first_chance(facts: RunFacts) -> str:
    """When the incident could first have been seen, and how long it took."""
    start = facts.clock_starts
    if start is None:
        return "There was nothing to see."
    by = f"the alert {facts.scenario.visible}" if facts.state.first_visible_at is not None else "the figures themselves"
    text = f"It could first have been seen at {clock_text(start)} UTC, by {by}"
    if facts.detected_at is None:
        return f"{text}; it was never declared."
    return f"{text}; you declared it {max(0.0, facts.detected_at - start):.0f} s later."


def _truth(facts: RunFacts, causes: Causes) -> Iterator[str]:
    truth = facts.scenario.truth
    cause = causes.get(truth.root_cause)
    title = f"{cause.title} (`{cause.id}`). {cause.definition}" if cause is not None else truth.root_cause
    yield title if facts.quiet else f"{title} It was in `{truth.component}`."
    change = facts.cause_change
    if change is not None:
        yield (
            f"The change behind it: `{short(change.commit)}` by {change.by}, {change.component} {change.previous_tag} "
            f"to {change.tag}, \u201c{change.message}\u201d."
        )
    yield first_chance(facts)


def _table(report: Report, side: Side) -> Iterator[str]:
    lines = [line for line in report.lines if line.side == side]
    yield "\n".join(["| part | points | why |", "| --- | ---: | --- |", *(_row(line) for line in lines)])


def _row(line: ScoreLine) -> str:
    points = f"{line.points:g} of {line.of:g}" if line.of else f"{line.points:+g}"
    return f"| {line.part.replace('_', ' ')} | {points} | {line.why.replace('|', '/')} |"


def told(event: RunEvent, facts: RunFacts) -> str | None:
    """One line on an event, or None for those that tell nothing of the incident."""
    match event:
        case RunStarted() | PhaseEntered() | ChangeIntended() | QueryRun() | KeeperStarted() | NoteSubmitted():
            return None
        case GatePassed():
            return "+ steady state; on call"
        case ChangeApplied():
            mark = " (the cause)" if event == facts.cause_change else ""
            done = f"changes {event.what}" if event.what else f"deploys {event.component} {event.tag}"
            return f"+ {event.by} {done}: {event.message}{mark}"
        case OnsetObserved():
            return f"+ onset: it bites ({event.value:.4g})"
        case AlertFired():
            return f"+ alert {event.name} fires"
        case AlertCleared():
            return f"+ alert {event.name} clears"
        case RecordGap():
            return f"+ the record has a gap of {event.seconds:.0f} s: {event.reason}"
        case ChangeObserved():
            name = short(event.name) if event.kind == "Commit" else event.name
            return f"> {event.kind} {name}: {event.what}"
        case IncidentDeclared():
            return f"> declared {event.severity} {event.summary}".rstrip()
        case DeclarationClosed():
            return "> declaration closed as a false one"
        case DiagnosisGiven():
            change = f", change {short(event.change)}" if event.change else ""
            return f"> diagnosis: {event.cause} in {event.component}{change}"
        case HintTaken():
            return f"> hint ({event.cost} points): {event.text}"
        case ResolveRefused():
            return f"> resolve refused: {'; '.join(event.reasons)}"
        case ResolveAccepted():
            return "> resolved"
        case NothingWrongClaimed():
            return f"> said that nothing is wrong {event.reason}".rstrip()
        case _:
            assert_never(event)
