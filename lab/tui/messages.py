"""What workers and widgets tell the screens; screens and the app own all state and act on these alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from textual.message import Message

from lab.errors import LabError, Problem
from lab.grading.report import Report
from lab.keeper.view import AlertView, RunView
from lab.tui.backend import CauseChoice, ConsoleResult, PlotData, ScenarioCard, StackStatus

Verb = Literal["declare", "diagnose", "hint", "resolve"]


@dataclass
class CallFailed(Message):
    """A call to the lab failed; `group` says which."""

    group: str
    error: LabError


@dataclass
class OverviewRead(Message):
    """The state of the stack, the scenarios and the run, for the start screen."""

    status: StackStatus
    scenarios: tuple[ScenarioCard, ...]
    view: RunView | None


@dataclass
class StepBegun(Message):
    """Work that takes a while began its next step."""

    text: str
    attempt: int


@dataclass
class WorkEnded(Message):
    """Work that takes a while is done, cancelled (no error) or failed."""

    attempt: int
    done: bool
    error: LabError | None = None
    view: RunView | None = None


@dataclass
class StateRead(Message):
    """One poll of the run and its alerts."""

    view: RunView | None
    alerts: tuple[AlertView, ...]

    def can_replace(self, message: Message) -> bool:
        """Only the newest poll matters."""
        return isinstance(message, StateRead)


@dataclass
class PlotsRead(Message):
    """One poll of the series."""

    plots: dict[str, PlotData]
    seconds: int
    at: float
    """Unix seconds of the right edge."""

    def can_replace(self, message: Message) -> bool:
        """Only the newest poll matters."""
        return isinstance(message, PlotsRead)


@dataclass
class PollFailed(Message):
    """A poll got no answer; the next one may."""

    what: Literal["run", "plots"]
    error: LabError

    def can_replace(self, message: Message) -> bool:
        """Only the newest failure of a kind matters."""
        return isinstance(message, PollFailed) and message.what == self.what


@dataclass
class ConsoleAnswered(Message):
    """A console line came back."""

    line: str
    result: ConsoleResult


@dataclass
class CompletionsRead(Message):
    """Words that could complete a console line."""

    line: str
    words: tuple[str, ...]


@dataclass
class VocabularyRead(Message):
    """Causes and components for the diagnosis, and the change to begin with."""

    causes: tuple[CauseChoice, ...]
    components: tuple[str, ...]
    change: str | None


@dataclass
class VerbDone(Message):
    """The lab took a verb; `view` is the run after it."""

    verb: Verb
    view: RunView


@dataclass
class RunAborted(Message):
    """The run was ended, unscored."""


@dataclass
class NoteRead(Message):
    """The note as it is on disk."""

    text: str


@dataclass
class NoteSaved(Message):
    """The note is on disk; what its form still lacks."""

    text: str
    problems: tuple[Problem, ...]


@dataclass
class NoteGraded(Message):
    """The note was handed in and the run graded."""

    report: Report


@dataclass
class DebriefRead(Message):
    """Story and result of a graded run."""

    story: str
    view: RunView


@dataclass
class RunMoved(Message):
    """To the app: show the screen for this state of the run; `notice` is said once on the way."""

    view: RunView | None
    notice: LabError | None = None


@dataclass
class LineEntered(Message):
    """The person entered a console line."""

    line: str


@dataclass
class CompletionAsked(Message):
    """The person pressed Tab on this line."""

    line: str


@dataclass
class ChangePicked(Message):
    """The person chose a change in the list of what changed."""

    change_id: str


@dataclass
class BringUpAsked(Message):
    """To the app: bring the stack up, then start the scenario, if one is named."""

    slug: str | None = None
    title: str = ""
    seed: int | None = field(default=None)
