"""The terminal UI as a whole: which screen is shown, leaving, signals."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from textual import on
from textual.app import App, SystemCommand
from textual.screen import ModalScreen, Screen

from lab.errors import LabError
from lab.keeper.view import RunView
from lab.tui.backend import Backend
from lab.tui.desk import Desk
from lab.tui.keys import bindings
from lab.tui.messages import BringUpAsked, CallFailed, RunAborted, RunMoved
from lab.tui.modals.confirm import Confirm
from lab.tui.modals.help import Help
from lab.tui.screens.base import LabScreen
from lab.tui.screens.bringup import BringUpScreen
from lab.tui.screens.debrief import DebriefScreen
from lab.tui.screens.note import NoteScreen
from lab.tui.screens.oncall import OnCallScreen
from lab.tui.screens.start import StartScreen
from lab.tui.theme import DAY, NIGHT, THEMES
from lab.tui.threads import DaemonExecutor, call


class LabApp(App[int]):
    """Decides which screen is shown; screens ask it by messages."""

    TITLE = "MLOps Lab"
    BINDINGS = bindings("app")

    def __init__(
        self,
        backend: Backend,
        clock: Callable[[], float] = time.time,
        period: float = 1.0,
        editor: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.desk = Desk(backend, clock, period, editor)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = NIGHT.name

    def on_mount(self) -> None:
        """
        Begin at the start screen, which finds a run that is going.

        Calls never hold up leaving; a closed terminal and a polite kill are ways of leaving.
        """
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonExecutor())
        if threading.current_thread() is threading.main_thread() and not self.is_headless:
            for name in ("SIGHUP", "SIGTERM"):
                if hasattr(signal, name):
                    loop.add_signal_handler(getattr(signal, name), self.exit, 0)
        self.push_screen(StartScreen(self.desk))

    @property
    def place(self) -> LabScreen | None:
        """The screen below any dialog."""
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, LabScreen)), None)

    @on(RunMoved)
    async def go_where_the_run_is(self, event: RunMoved) -> None:
        """One screen for each phase; the end of a run that is not graded is told on the start screen."""
        await self._show(self._screen_for(event.view, event))

    def _screen_for(self, view: RunView | None, event: RunMoved) -> LabScreen:
        if view is None:
            return StartScreen(self.desk, event)
        match view.phase:
            case "preparing" | "on_call":
                return OnCallScreen(self.desk, view)
            case "writing":
                return NoteScreen(self.desk, view, event.notice)
            case "graded":
                return DebriefScreen(self.desk, view)
            case "aborted" | "void" | "prevented":
                return StartScreen(self.desk, event)

    @on(BringUpAsked)
    async def bring_up(self, event: BringUpAsked) -> None:
        """Show the steps while the stack comes up."""
        await self._show(BringUpScreen(self.desk, event))

    async def _show(self, screen: LabScreen) -> None:
        """Put the screen in place of the present one and of any dialog over it."""
        while isinstance(self.screen, ModalScreen):
            await self.pop_screen()
        await self.switch_screen(screen)

    def action_help(self) -> None:
        """Keys of where the person is."""
        place = self.place
        if not isinstance(self.screen, Help):
            self.push_screen(Help(place.KEY_AREAS if place is not None else ("app",)))

    def action_leave(self) -> None:
        """Leave; where a run goes on, say so first. Asking twice leaves at once."""
        place = self.place
        kept = place.leaving_keeps if place is not None else None
        if kept is None or isinstance(self.screen, LeaveQuestion):
            self.exit(0)
            return
        self.push_screen(LeaveQuestion(kept, writing=isinstance(place, NoteScreen)), self._left)

    def _left(self, answer: str | None) -> None:
        match answer:
            case "leave":
                self.exit(0)
            case "abort":
                self.push_screen(
                    Confirm(
                        "End this run?",
                        "It is not scored and cannot be taken up again. It stays listed as aborted.",
                        (("end", "End the run"),),
                        "Keep it",
                    ),
                    self._abort,
                )
            case _:
                return

    def _abort(self, answer: str | None) -> None:
        place = self.place
        if answer != "end" or place is None:
            return
        backend = self.desk.backend

        def ask() -> RunAborted:
            backend.abort()
            return RunAborted()

        call(place, "abort", ask)

    @on(RunAborted)
    async def show_aborted(self) -> None:
        """Back to the start."""
        notice = LabError("The run was ended", "It stays listed, unscored.", "Choose another incident when you like.")
        await self._show(StartScreen(self.desk, RunMoved(None, notice)))

    @on(CallFailed)
    def ignore_late_failure(self, event: CallFailed) -> None:
        """Failures reach the app only from screens that have shown them."""
        event.stop()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette: what has no key of its own."""
        yield SystemCommand("theme: Night", "Light text on a dark ground", lambda: self._set_theme(NIGHT.name))
        yield SystemCommand("theme: Day", "Dark text on a light ground", lambda: self._set_theme(DAY.name))
        yield SystemCommand("lab: Help", "Keys of this screen", self.action_help)
        yield SystemCommand("lab: Leave", "A run goes on without you", self.action_leave)

    def _set_theme(self, name: str) -> None:
        self.theme = name


class LeaveQuestion(Confirm):
    """Leaving while a run goes on."""

    def __init__(self, title: str, writing: bool) -> None:
        keeps = "The note is saved and waits for you." if writing else "The run goes on without you: its clock runs on."
        super().__init__(
            "Leave the lab?",
            f"{title}\n\n{keeps} `lab` brings you back to it.",
            (("leave", "Leave, keep the run"), ("abort", "End the run …")),
            "Stay",
        )


def editor_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The person's editor as a command, empty where none is set."""
    return tuple(shlex.split(environment.get("VISUAL") or environment.get("EDITOR") or ""))


def run_app(backend: Backend) -> int:
    """Run the UI in this terminal until the person leaves; returns the exit code."""
    return LabApp(backend, editor=editor_of(os.environ)).run() or 0
