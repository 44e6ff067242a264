"""What a run looks like from outside while it is sealed: nothing here tells whether there is a fault."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from lab.grading.report import Report
from lab.incident.events import Mode, Phase


class View(BaseModel):
    """Base of the messages between keeper and its clients."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ChangeView(View):
    """A change that anyone on call could see: a commit in the platform repo or an edit in the cluster."""

    id: str
    """Short commit hash, or `live-N` for a change made in the cluster alone."""
    at: float
    who: str
    component: str
    what: str
    """`image 2.3.1 -> 2.4.0` and the like."""
    message: str
    """Commit subject, empty for a change in the cluster alone."""


class AlertView(View):
    """One alert of Prometheus, pending or firing."""

    name: str
    state: str
    since: float
    summary: str
    runbook: str = ""
    severity: str = "page"
    """`page` wakes somebody; a `ticket` is looked at on the next working day."""


class DeclarationView(View):
    """The open declaration."""

    at: float
    severity: str
    summary: str


class DiagnosisView(View):
    """The latest diagnosis."""

    at: float
    cause: str
    component: str
    change: str | None


class HintView(View):
    """What asking for a hint would cost now, or the hints already taken."""

    next_cost: int | None
    """Null when no hint is on offer now."""
    taken: tuple[str, ...]


class RunView(View):
    """The public state of a run."""

    run_id: str
    scenario: str
    title: str
    briefing: str
    level: int
    mode: Mode
    phase: Phase
    phase_reason: str
    started: float
    on_call_since: float | None
    on_call_ends: float | None
    """When `on_call` ends by itself, Unix seconds."""
    declaration: DeclarationView | None
    diagnosis: DiagnosisView | None
    hints: HintView
    refused: tuple[str, ...]
    """Reasons of the last refused resolve, empty when there are none."""
    changes: tuple[ChangeView, ...]
    note_path: str | None
    """File of the note, there from `writing` on."""
    report: Report | None
    """There once graded."""
