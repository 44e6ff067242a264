"""Bringing the stack up and starting a run, step by step, with times and a way out."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Footer, Static

from lab.errors import LabError
from lab.tui.backend import Cancelled
from lab.tui.desk import Desk
from lab.tui.keys import bindings
from lab.tui.messages import BringUpAsked, RunMoved, StepBegun, WorkEnded
from lab.tui.screens.base import LabScreen
from lab.tui.threads import as_lab_error, deliver
from lab.tui.widgets.topbar import TopBar

_SPINNER = "◐◓◑◒"


@dataclass(slots=True)
class Step:
    """One step as shown."""

    text: str
    began: float
    ended: float | None = None


class BringUpScreen(LabScreen):
    """Shows each step as it begins; Escape stops after the one that is going on."""

    CSS = """
    BringUpScreen { align: center middle; }
    BringUpScreen #steps-box { width: 90; max-width: 96%; height: auto; max-height: 85%; border: round $border;
                               border-title-color: $accent; padding: 1 2; }
    BringUpScreen #steps { height: auto; }
    """
    BINDINGS = bindings("bring_up")
    KEY_AREAS = ("bring_up", "app")

    def __init__(self, desk: Desk, asked: BringUpAsked) -> None:
        super().__init__(desk)
        self._asked = asked
        self._steps: list[Step] = []
        self._attempt = 0
        self._cancel = threading.Event()
        self._error: LabError | None = None
        self._beat = 0

    def compose(self) -> ComposeResult:
        """The list of steps in the middle."""
        yield TopBar()
        with VerticalScroll(id="steps-box", can_focus=False) as box:
            box.border_title = "getting ready"
            yield Static("", id="steps")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin."""
        title = self._asked.title or "Bringing the stack up"
        self.query_one(TopBar).show(("◌ BRING-UP", "$warning"), title)
        self.set_interval(0.2, self._tick)
        self._begin()

    def on_unmount(self) -> None:
        """Whatever still runs stops at its next step."""
        self._cancel.set()

    @property
    def leaving_keeps(self) -> str | None:
        """Leaving here stops the work: nothing to ask."""
        return None

    def _begin(self) -> None:
        self._attempt += 1
        self._steps, self._error, self._cancel = [], None, threading.Event()
        self.refresh_bindings()
        attempt, asked, cancel, backend = self._attempt, self._asked, self._cancel, self.desk.backend

        def say(text: str) -> None:
            if cancel.is_set():
                raise Cancelled
            deliver(self, StepBegun(text, attempt))

        def work() -> None:
            try:
                if asked.slug is None:
                    backend.up(say)
                else:
                    backend.start(asked.slug, asked.seed, "graded", say)
                ended = WorkEnded(attempt, done=True, view=backend.view())
            except Cancelled:
                ended = WorkEnded(attempt, done=False)
            except Exception as error:
                ended = WorkEnded(attempt, done=False, error=as_lab_error(error))
            deliver(self, ended)

        self.run_worker(work, group="bring_up", thread=True, exclusive=True, exit_on_error=False)

    @on(StepBegun)
    def show_step(self, event: StepBegun) -> None:
        """The step before has ended."""
        if event.attempt == self._attempt:
            self._close_step()
            self._steps.append(Step(event.text, self.desk.clock()))
            self._draw()

    @on(WorkEnded)
    def show_end(self, event: WorkEnded) -> None:
        """Go on to the run, back to the start, or stay with the error."""
        if event.attempt != self._attempt:
            return
        if event.error is not None:
            self._error = event.error
            self.refresh_bindings()
            self._draw()
            return
        self._close_step()
        going = event.view if event.done and self._asked.slug is not None else None
        self.app.post_message(RunMoved(going))

    def _close_step(self) -> None:
        if self._steps and self._steps[-1].ended is None:
            self._steps[-1].ended = self.desk.clock()

    def _tick(self) -> None:
        self._beat += 1
        if self._error is None:
            self._draw()

    def _draw(self) -> None:
        now = self.desk.clock()
        lines = [self._line(step, now) for step in self._steps] or [Content.styled("one moment …", "$muted")]
        if self._error is not None:
            lines += [
                Content(""),
                Content.assemble(("✗ ", "bold $error"), (self._error.title, "bold $error")),
                Content(self._error.message),
                Content.styled(f"→ {self._error.next_step}", "$accent"),
            ]
        elif self._cancel.is_set():
            lines += [Content(""), Content.styled("■ stopping after this step; Esc goes back at once", "$warning")]
        self.query_one("#steps", Static).update(Content("\n").join(lines))
        self.query_one("#steps-box", VerticalScroll).scroll_end(animate=False)

    def _line(self, step: Step, now: float) -> Content:
        if step.ended is not None:
            glyph, style = "✓", "$success"
        elif self._error is not None:
            glyph, style = "✗", "$error"
        else:
            glyph, style = _SPINNER[self._beat % len(_SPINNER)], "$warning"
        took = (step.ended or now) - step.began
        return Content.assemble((glyph, style), (f" {took:6.1f} s  ", "$muted"), step.text)

    def action_cancel(self) -> None:
        """First stop after this step; then go back without waiting."""
        if self._error is not None or self._cancel.is_set():
            self.app.post_message(RunMoved(None))
            return
        self._cancel.set()
        self._draw()

    def action_retry(self) -> None:
        """Once more from the beginning."""
        if self._error is not None:
            self._begin()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Trying again is offered after a failure only."""
        return self._error is not None if action == "retry" else True
