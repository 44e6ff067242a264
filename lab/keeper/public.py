"""The public view of a run, made from its journal: what a person on call could know, and nothing sealed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.content.loader import find
from lab.content.model import Scenario
from lab.content.values import reflowed
from lab.errors import RunError
from lab.grading.debrief import render_debrief
from lab.grading.report import Report
from lab.incident.bundle import read_bundle
from lab.incident.commands import hint_on_offer
from lab.incident.events import ChangeApplied, ChangeObserved, RunEvent
from lab.incident.state import RunState, fold
from lab.keeper.files import RunFiles
from lab.keeper.view import ChangeView, DeclarationView, DiagnosisView, HintView, RunView
from lab.operate.lab import Lab
from lab.operate.platform import TEAM


def view_of(files: RunFiles, events: Sequence[RunEvent], slug: str, scenario: Scenario, now: float) -> RunView:
    """The run as its learner may see it at `now`, Unix seconds."""
    state = fold(events, scenario)
    started = state.started
    assert started is not None
    return RunView(
        run_id=files.run_id,
        scenario=slug,
        title=scenario.title,
        briefing=reflowed(scenario.briefing),
        level=scenario.level,
        mode=started.mode,
        phase=state.phase,
        phase_reason=state.reason,
        started=started.at,
        on_call_since=state.on_call_since,
        on_call_ends=state.on_call_ends,
        declaration=_declaration(state),
        diagnosis=_diagnosis(state),
        hints=_hints(state, scenario, now),
        refused=_refused(state),
        changes=changes_of(events),
        note_path=str(files.note) if state.phase in ("writing", "graded") else None,
        report=_report(files) if state.phase == "graded" else None,
    )


def changes_of(events: Sequence[RunEvent]) -> tuple[ChangeView, ...]:
    """Deploys and edits since the run began, newest first."""
    changes: list[ChangeView] = []
    live = 0
    for event in events:
        match event:
            case ChangeApplied():
                changes.append(
                    ChangeView(
                        id=event.commit[:7],
                        at=event.at,
                        who=TEAM.get(event.by, event.by),
                        component=event.component,
                        what=event.what or f"image {event.previous_tag} -> {event.tag}",
                        message=event.message,
                    )
                )
            case ChangeObserved():
                live += 1
                changes.append(
                    ChangeView(
                        id=event.name[:7] if event.kind == "Commit" else f"live-{live}",
                        at=event.at,
                        who="you",
                        component="platform repo" if event.kind == "Commit" else event.name,
                        what=event.what,
                        message="" if event.kind == "Deployment" else event.kind,
                    )
                )
            case _:
                continue
    return tuple(reversed(changes))


def _declaration(state: RunState) -> DeclarationView | None:
    given = state.declaration
    return None if given is None else DeclarationView(at=given.at, severity=given.severity, summary=given.summary)


def _diagnosis(state: RunState) -> DiagnosisView | None:
    given = state.diagnosis
    if given is None:
        return None
    return DiagnosisView(at=given.at, cause=given.cause, component=given.component, change=given.change)


def _hints(state: RunState, scenario: Scenario, now: float) -> HintView:
    offer = hint_on_offer(state, scenario, now) if state.phase == "on_call" else None
    return HintView(next_cost=None if offer is None else offer[1].cost, taken=tuple(hint.text for hint in state.hints))


def _refused(state: RunState) -> tuple[str, ...]:
    return state.refusals[-1].reasons if state.refusals and state.resolve_accepted_at is None else ()


def _report(files: RunFiles) -> Report | None:
    try:
        return Report.model_validate_json(files.report.read_text())
    except (OSError, ValueError):
        return None


def debrief_of(lab: Lab, view: RunView) -> str:
    """The story of a graded run, Markdown: the truth over what was done, and both scores line by line."""
    report = view.report
    if report is None:
        raise RunError("Not graded", f"{view.run_id} has no grade.", "Hand the note in first.")
    loaded = find(lab.around.scenarios_root, view.scenario)
    return render_debrief(read_bundle(Path(report.bundle)), report, loaded.debrief)
