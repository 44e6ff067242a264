"""The state of a run, folded from its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lab.content.causes import NO_FAULT
from lab.content.model import Scenario
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
    Phase,
    PhaseEntered,
    QueryRun,
    RecordGap,
    ResolveAccepted,
    ResolveRefused,
    RunEvent,
    RunStarted,
)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared incident; `false` marks those made before onset, and all of a quiet run."""

    at: float
    severity: str
    summary: str
    closed_at: float | None
    false: bool


@dataclass(frozen=True, slots=True)
class RunState:
    """What is known of a run after some of its events; times are Unix seconds, None is "not yet"."""

    quiet: bool
    minutes: int
    phase: Phase = "preparing"
    reason: str = ""
    started: RunStarted | None = None
    gate_at: float | None = None
    strike_at: float | None = None
    on_call_since: float | None = None
    on_call_until: float | None = None
    """When `on_call` was left; None while it lasts."""
    onset_at: float | None = None
    first_visible_at: float | None = None
    """When the visible alert first fired at or after onset; onset itself if it was firing already."""
    firing: frozenset[str] = frozenset()
    declarations: tuple[Declaration, ...] = ()
    diagnoses: tuple[DiagnosisGiven, ...] = ()
    hints: tuple[HintTaken, ...] = ()
    queries: tuple[QueryRun, ...] = ()
    refusals: tuple[ResolveRefused, ...] = ()
    resolve_accepted_at: float | None = None
    nothing_wrong: NothingWrongClaimed | None = None
    note_submitted_at: float | None = None
    intended: tuple[ChangeIntended, ...] = ()
    applied: tuple[ChangeApplied, ...] = ()
    learner_changes: tuple[ChangeObserved, ...] = ()
    gaps: tuple[RecordGap, ...] = ()
    keepers: int = 0

    @property
    def on_call_ends(self) -> float | None:
        """When `on_call` ended, or will end by itself."""
        if self.on_call_until is not None:
            return self.on_call_until
        return None if self.on_call_since is None else self.on_call_since + self.minutes * 60.0

    @property
    def declaration(self) -> Declaration | None:
        """The open declaration, if there is one."""
        last = self.declarations[-1] if self.declarations else None
        return last if last is not None and last.closed_at is None and self.resolve_accepted_at is None else None

    @property
    def diagnosis(self) -> DiagnosisGiven | None:
        """The last diagnosis, which is the one that counts."""
        return self.diagnoses[-1] if self.diagnoses else None

    @property
    def clock_starts(self) -> float | None:
        """From when the learner's times count: first-visible, or onset where the alert never fired."""
        return self.first_visible_at if self.first_visible_at is not None else self.onset_at


def fold(events: Iterable[RunEvent], scenario: Scenario) -> RunState:
    """The state after these events, given in order of time; the same events always give the same state."""
    state = RunState(quiet=scenario.truth.root_cause == NO_FAULT, minutes=scenario.minutes)
    for event in events:
        state = apply(state, event, scenario)
    return _judged(state)


def apply(state: RunState, event: RunEvent, scenario: Scenario) -> RunState:
    """The state after one more event."""
    match event:
        case RunStarted():
            return replace(state, started=event)
        case PhaseEntered():
            return _entered(state, event)
        case GatePassed():
            wait = state.started.strike_seconds if state.started else 0.0
            return replace(state, gate_at=event.at, strike_at=event.at + wait)
        case ChangeIntended():
            return replace(state, intended=(*state.intended, event))
        case ChangeApplied():
            return replace(state, applied=(*state.applied, event))
        case ChangeObserved():
            return replace(state, learner_changes=(*state.learner_changes, event))
        case OnsetObserved():
            return _onset(state, event, scenario)
        case AlertFired():
            return _fired(state, event, scenario)
        case AlertCleared():
            return replace(state, firing=state.firing - {event.name})
        case QueryRun():
            return replace(state, queries=(*state.queries, event))
        case RecordGap():
            return replace(state, gaps=(*state.gaps, event))
        case KeeperStarted():
            return replace(state, keepers=state.keepers + 1)
        case NoteSubmitted():
            return replace(state, note_submitted_at=event.at)
        case (
            IncidentDeclared()
            | DeclarationClosed()
            | DiagnosisGiven()
            | HintTaken()
            | ResolveRefused()
            | ResolveAccepted()
            | NothingWrongClaimed()
        ):
            return _commanded(state, event)


def _commanded(
    state: RunState,
    event: IncidentDeclared
    | DeclarationClosed
    | DiagnosisGiven
    | HintTaken
    | ResolveRefused
    | ResolveAccepted
    | NothingWrongClaimed,
) -> RunState:
    match event:
        case IncidentDeclared():
            opened = Declaration(event.at, event.severity, event.summary, closed_at=None, false=False)
            return replace(state, declarations=(*state.declarations, opened))
        case DeclarationClosed():
            return _closed(state, event.at)
        case DiagnosisGiven():
            return replace(state, diagnoses=(*state.diagnoses, event))
        case HintTaken():
            return replace(state, hints=(*state.hints, event))
        case ResolveRefused():
            return replace(state, refusals=(*state.refusals, event))
        case ResolveAccepted():
            return replace(state, resolve_accepted_at=event.at)
        case NothingWrongClaimed():
            return replace(state, nothing_wrong=event)


def _entered(state: RunState, event: PhaseEntered) -> RunState:
    since, until = state.on_call_since, state.on_call_until
    if event.phase == "on_call" and since is None:
        since = event.at
    elif event.phase not in ("preparing", "on_call") and since is not None and until is None:
        until = event.at
    return replace(state, phase=event.phase, reason=event.reason, on_call_since=since, on_call_until=until)


def _onset(state: RunState, event: OnsetObserved, scenario: Scenario) -> RunState:
    if state.quiet or state.onset_at is not None:
        return state
    visible = event.at if scenario.visible in state.firing else None
    return replace(state, onset_at=event.at, first_visible_at=visible)


def _fired(state: RunState, event: AlertFired, scenario: Scenario) -> RunState:
    firing = state.firing | {event.name}
    if event.name == scenario.visible and state.onset_at is not None and state.first_visible_at is None:
        return replace(state, firing=firing, first_visible_at=event.at)
    return replace(state, firing=firing)


def _closed(state: RunState, at: float) -> RunState:
    if state.declaration is None:
        return state
    return replace(state, declarations=(*state.declarations[:-1], replace(state.declarations[-1], closed_at=at)))


def _judged(state: RunState) -> RunState:
    """Mark the declarations that came before onset, which only the whole record can tell."""
    onset = state.onset_at
    marked = tuple(replace(one, false=onset is None or one.at < onset) for one in state.declarations)
    return replace(state, declarations=marked)
