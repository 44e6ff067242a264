"""What the terminal UI needs from the lab: a Protocol and the values it passes; imports no UI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lab.errors import Problem
from lab.grading.report import Report
from lab.incident.events import Mode
from lab.keeper.view import AlertView, RunView

Say = Callable[[str], None]
"""
Tells the person which step has begun, one short sentence each.

Raises `Cancelled` once the person has asked to stop: let it pass, after leaving things as tidy as any failure would.
"""


class Cancelled(Exception):
    """The person cancelled the work that was saying its steps."""


@dataclass(frozen=True, slots=True)
class StackStatus:
    """Where the stack is and whether it runs."""

    engine: str
    """`embedded`, `kind` or `context:NAME`."""
    up: bool
    urls: tuple[tuple[str, str], ...] = ()
    """Name and address of what a browser can open, empty while down."""
    run_id: str | None = None
    """The run that is going, if any."""


@dataclass(frozen=True, slots=True)
class ScenarioCard:
    """A scenario as a person on call may know it: by its symptom."""

    slug: str
    title: str
    level: int
    """1 to 3."""
    minutes: int
    best: float | None
    """Best result so far, 0 to 100; None if never graded."""
    briefing: str


@dataclass(frozen=True, slots=True)
class PlotData:
    """One series for a plot."""

    points: tuple[tuple[float, float | None], ...]
    """Unix seconds, rising, and the value then, None where there was none; shares 0 to 1, latencies in seconds."""
    threshold: float | None = None
    """The bound of the objective on this quantity, in the unit of the values."""


@dataclass(frozen=True, slots=True)
class ConsoleResult:
    """What one console line gave."""

    text: str
    """Plain text, ANSI colours allowed."""
    ok: bool
    changed: bool
    """Whether the line changed the stack or the platform repo."""


@dataclass(frozen=True, slots=True)
class CauseChoice:
    """One entry of the vocabulary of root causes."""

    id: str
    title: str
    definition: str
    family: str


class Backend(Protocol):
    """
    The lab as the UI sees it.

    Every method may block and is called from worker threads only, several at a time. Each raises `LabError`
    where the lab cannot do what was asked.
    """

    def status(self) -> StackStatus:
        """Where the stack is and whether it runs."""

    def scenarios(self) -> tuple[ScenarioCard, ...]:
        """Every scenario, in the order to offer them."""

    def up(self, say: Say) -> None:
        """Bring the stack up; returns once it is ready."""

    def start(self, slug: str, seed: int | None, mode: Mode, say: Say) -> None:
        """Start a run, the stack first if need be; returns once the keeper has it, `preparing` or later."""

    def view(self) -> RunView | None:
        """The public state of the run of this lab, also of the last one once it ended; None if there was none."""

    def alerts(self) -> tuple[AlertView, ...]:
        """Alerts of Prometheus, pending or firing."""

    def plots(self, seconds: int) -> dict[str, PlotData]:
        """The last `seconds` of the series named in `lab.tui.panels`; a series may be missing."""

    def console(self, line: str) -> ConsoleResult:
        """Run one operator's verb; a wrong line is a result with `ok` false, not an error."""

    def completions(self, line: str) -> tuple[str, ...]:
        """Words that could stand in place of the last word of `line` (after a trailing blank: that could follow)."""

    def causes(self) -> tuple[CauseChoice, ...]:
        """The whole vocabulary of root causes, the same in every run."""

    def components(self) -> tuple[str, ...]:
        """Components that a diagnosis may name."""

    def declare(self, severity: str, summary: str) -> RunView:
        """Declare an incident."""

    def diagnose(self, cause: str, component: str, change: str | None) -> RunView:
        """Say what it is; `change` is the id of a change in the view, or None for no change."""

    def hint(self) -> RunView:
        """Take the hint on offer, at its cost."""

    def resolve(self, nothing_wrong: bool, reason: str) -> RunView:
        """Ask to end the incident; a refusal is a view with `refused` set and the phase unchanged."""

    def give_up(self) -> RunView:
        """End on call without a fix; the note still comes."""

    def abort(self) -> None:
        """End the run unscored; it stays listed."""

    def note(self) -> str:
        """The incident note as it is on disk."""

    def save_note(self, text: str) -> tuple[Problem, ...]:
        """Write the note and say what its form still lacks."""

    def submit_note(self, text: str) -> Report:
        """Hand the note in and grade the run."""

    def debrief(self) -> str:
        """The story of the graded run, in Markdown."""
