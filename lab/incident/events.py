"""What happened in a run, one frozen event each, in the past tense: journal, timeline and bundle hold these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Phase = Literal["preparing", "on_call", "writing", "graded", "aborted", "void", "prevented"]
Mode = Literal["watch", "coached", "practice", "graded"]
Actor = Literal["learner", "teammate", "lab", "cluster"]


class TimelineEvent(BaseModel):
    """Base of all events; `at` is Unix time in seconds on the machine that keeps the run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: float


class RunStarted(TimelineEvent):
    """The run was asked for; everything the seed chose is sealed here."""

    type: Literal["run_started"] = "run_started"
    run_id: str
    scenario: str
    content_hash: str
    seed: int
    mode: Mode
    strike_seconds: float
    """Seconds from the gate to the strike."""
    tag: str | None
    """Tag that the seed chose among `seeded.tag`."""


class PhaseEntered(TimelineEvent):
    """The run moved to another public phase."""

    type: Literal["phase_entered"] = "phase_entered"
    phase: Phase
    reason: str = ""


class GatePassed(TimelineEvent):
    """The stack held its steady state, so what comes later is the incident's."""

    type: Literal["gate_passed"] = "gate_passed"
    waited_seconds: float


class ChangeIntended(TimelineEvent):
    """The keeper is about to write a teammate's change; journaled first so that it never counts as the learner's."""

    type: Literal["change_intended"] = "change_intended"
    event: int
    component: str
    content_hash: str


class ChangeApplied(TimelineEvent):
    """A teammate's change reached the cluster or the model registry."""

    type: Literal["change_applied"] = "change_applied"
    event: int
    component: str
    by: str
    tag: str
    previous_tag: str
    message: str
    commit: str
    """Hash of the commit; `move-N` for an alias of the registry, N counting its moves."""
    resource_version: str
    what: str = ""
    """One line on what changed; empty for a release, which its tags tell."""


class ChangeObserved(TimelineEvent):
    """Somebody other than the lab changed the stack; in a run that is the learner, whatever tool was used."""

    type: Literal["change_observed"] = "change_observed"
    kind: str
    """Deployment, ConfigMap, Service, Pod (deleted), Commit, or Alias and Version of the model registry."""
    name: str
    what: str
    """One line: `image 2.4.0 -> 2.3.1`, `replicas 2 -> 0`, `env DEADLINE_MS 3000 -> 200`."""


class OnsetObserved(TimelineEvent):
    """The fault first bit: the true start of the incident."""

    type: Literal["onset_observed"] = "onset_observed"
    value: float


class AlertFired(TimelineEvent):
    """Prometheus moved an alert to firing."""

    type: Literal["alert_fired"] = "alert_fired"
    name: str


class AlertCleared(TimelineEvent):
    """A firing alert went quiet."""

    type: Literal["alert_cleared"] = "alert_cleared"
    name: str


class IncidentDeclared(TimelineEvent):
    """The learner declared an incident."""

    type: Literal["incident_declared"] = "incident_declared"
    severity: str
    summary: str = ""


class DeclarationClosed(TimelineEvent):
    """A declaration was closed without an accepted resolve; false when it came before onset."""

    type: Literal["declaration_closed"] = "declaration_closed"


class DiagnosisGiven(TimelineEvent):
    """The learner said what it is; the last one before resolve counts."""

    type: Literal["diagnosis_given"] = "diagnosis_given"
    cause: str
    component: str
    change: str | None
    """Commit hash of the change named, or null for none."""


class HintTaken(TimelineEvent):
    """The learner took a hint."""

    type: Literal["hint_taken"] = "hint_taken"
    hint: int
    cost: int
    text: str


class QueryRun(TimelineEvent):
    """The learner ran a query."""

    type: Literal["query_run"] = "query_run"
    promql: str


class ResolveRefused(TimelineEvent):
    """A resolve was refused, free of charge, with the reasons."""

    type: Literal["resolve_refused"] = "resolve_refused"
    reasons: tuple[str, ...]


class ResolveAccepted(TimelineEvent):
    """Every objective had held for its hold."""

    type: Literal["resolve_accepted"] = "resolve_accepted"


class NothingWrongClaimed(TimelineEvent):
    """The learner ended the run by saying that nothing is wrong."""

    type: Literal["nothing_wrong_claimed"] = "nothing_wrong_claimed"
    reason: str = ""


class NoteSubmitted(TimelineEvent):
    """The note was handed in."""

    type: Literal["note_submitted"] = "note_submitted"
    sha256: str


class KeeperStarted(TimelineEvent):
    """A keeper process took charge of the run; the second and later ones took over from a dead one."""

    type: Literal["keeper_started"] = "keeper_started"
    pid: int


class RecordGap(TimelineEvent):
    """The record has a hole that the lab caused."""

    type: Literal["record_gap"] = "record_gap"
    seconds: float
    reason: str


RunEvent = Annotated[
    RunStarted
    | PhaseEntered
    | GatePassed
    | ChangeIntended
    | ChangeApplied
    | ChangeObserved
    | OnsetObserved
    | AlertFired
    | AlertCleared
    | IncidentDeclared
    | DeclarationClosed
    | DiagnosisGiven
    | HintTaken
    | QueryRun
    | ResolveRefused
    | ResolveAccepted
    | NothingWrongClaimed
    | NoteSubmitted
    | KeeperStarted
    | RecordGap,
    Field(discriminator="type"),
]
"""Every event that a journal may hold."""

RUN_EVENT: TypeAdapter[RunEvent] = TypeAdapter(RunEvent)
"""Reads one event from JSON."""
