"""On call: what is wrong, what changed, and everything that can be done about it, on one screen."""

from __future__ import annotations

import threading

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Resize
from textual.widgets import Footer, Input

from lab.keeper.view import AlertView, RunView
from lab.tui.backend import ConsoleResult
from lab.tui.desk import Desk
from lab.tui.keys import bindings
from lab.tui.messages import (
    CallFailed,
    ChangePicked,
    CompletionAsked,
    CompletionsRead,
    ConsoleAnswered,
    LineEntered,
    PlotsRead,
    PollFailed,
    RunMoved,
    StateRead,
    VerbDone,
)
from lab.tui.screens.base import LabScreen
from lab.tui.screens.moves import end_notice, said_after
from lab.tui.screens.verbs import Verbs
from lab.tui.threads import call, poll
from lab.tui.widgets.changes import Changes
from lab.tui.widgets.console import Console
from lab.tui.widgets.pager import Alerts, GoodShare, Moves, PagerBand
from lab.tui.widgets.panetabs import PANES, PaneName, PaneTabs
from lab.tui.widgets.plots import Plots
from lab.tui.widgets.topbar import PHASE_WORDS, TopBar, run_clock

_WINDOWS = (120, 300, 900)


class OnCallScreen(Verbs, LabScreen):
    """Polls the run, hands data to the panels, and turns verbs into calls."""

    CSS = """
    OnCallScreen #lower { height: 1fr; }
    OnCallScreen Plots { height: 1fr; }
    OnCallScreen Changes { width: 48; }
    OnCallScreen Console { width: 1fr; }
    OnCallScreen PaneTabs { display: none; }
    OnCallScreen.-zoomed PaneTabs, OnCallScreen.-narrow PaneTabs, OnCallScreen.-short PaneTabs { display: block; }
    OnCallScreen.-only-plots #lower { display: none; }
    OnCallScreen.-only-changes Changes { width: 1fr; }
    OnCallScreen.-only-changes Plots, OnCallScreen.-only-changes Console { display: none; }
    OnCallScreen.-only-console Plots, OnCallScreen.-only-console Changes { display: none; }
    OnCallScreen.-short PagerBand { height: 4; }
    OnCallScreen.-short PagerBand > * { border: none; }
    OnCallScreen.-short PagerBand > Moves { border-left: solid $border; }
    OnCallScreen.-short PagerBand > Alerts { border-left: solid $border; }
    OnCallScreen.-short PagerBand > Alerts.-firing { border: none; border-left: thick $error; }
    OnCallScreen.-short PagerBand > GoodShare.-bad { border: none; }
    OnCallScreen.-narrow GoodShare { width: 18; }
    OnCallScreen.-narrow Moves { width: 30; }
    OnCallScreen.-narrow Plots { grid-size: 2 3; }
    OnCallScreen.-short Plots, OnCallScreen.-short Changes, OnCallScreen.-short Console { border: none; padding: 0; }
    """
    BINDINGS = bindings("on_call")
    KEY_AREAS = ("on_call", "console", "app")

    def __init__(self, desk: Desk, view: RunView) -> None:
        super().__init__(desk)
        self.view = view
        self._alerts: tuple[AlertView, ...] = ()
        self._stop = threading.Event()
        self._seconds = 300
        self._pane: PaneName = "console"
        self._zoomed = False
        self._silent: set[str] = set()
        """Which polls got no answer last time."""
        self._gone = False

    def compose(self) -> ComposeResult:
        """Bar, band, panes."""
        yield TopBar()
        yield PagerBand()
        yield PaneTabs()
        yield Plots()
        with Horizontal(id="lower"):
            yield Changes()
            yield Console()
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Show what is known, begin to look, and put the cursor where commands are typed."""
        self._lay_out()
        console = self.query_one(Console)
        console.say(f"{self.view.title}\n{self.view.briefing.strip()}\n")
        console.input.focus()
        self._show_view()
        self.set_interval(1.0, self._beat)
        self._poll_run()
        self._poll_plots()

    def on_unmount(self) -> None:
        """Let the pollers go."""
        self._stop.set()

    @property
    def leaving_keeps(self) -> str | None:
        """The run goes on."""
        return self.view.title

    def _poll_run(self) -> None:
        backend = self.desk.backend
        poll(
            self,
            "run",
            lambda: StateRead(backend.view(), backend.alerts()),
            lambda error: PollFailed("run", error),
            self.desk.period,
            self._stop,
        )

    def _poll_plots(self) -> None:
        backend, clock = self.desk.backend, self.desk.clock

        def ask() -> PlotsRead:
            seconds = self._seconds
            return PlotsRead(backend.plots(seconds), seconds, clock())

        poll(self, "plots", ask, lambda error: PollFailed("plots", error), self.desk.period, self._stop)

    @on(StateRead)
    def take_state(self, event: StateRead) -> None:
        """The newest state of the run; when it is no longer on call, the app goes where it is."""
        event.stop()
        self._silent.discard("run")
        self._alerts = event.alerts
        self._take(event.view)

    def _take(self, view: RunView | None) -> None:
        if self._gone:
            return
        if view is None or view.phase not in ("preparing", "on_call"):
            self._gone = True
            self._stop.set()
            self.app.post_message(RunMoved(view, end_notice(view)))
            return
        if view.phase != self.view.phase and view.phase == "on_call":
            self.query_one(Console).say("The stack holds its steady state. You are on call.\n")
        self.view = view
        self._show_view()

    @on(PlotsRead)
    def take_plots(self, event: PlotsRead) -> None:
        """New series."""
        event.stop()
        self._silent.discard("plots")
        self.query_one(Plots).show(event, tuple(change.at for change in self.view.changes))
        good = event.plots.get("good_share")
        fresh = good is not None and good.points and event.at - good.points[-1][0] <= 10
        value = good.points[-1][1] if good is not None and fresh else None
        self.query_one(GoodShare).show(value, good.threshold if good is not None else None)

    @on(PollFailed)
    def take_silence(self, event: PollFailed) -> None:
        """No answer: say so in the bar, keep the last picture, go on asking."""
        event.stop()
        if event.what not in self._silent:
            self.query_one(Console).say(f"⚠ {event.error.title}: {event.error.message}\n→ {event.error.next_step}")
        self._silent.add(event.what)
        self._show_clock()

    def _show_view(self) -> None:
        now = self.desk.clock()
        self.query_one(Alerts).show(self._alerts, now)
        self.query_one(Moves).show(self.view, now)
        self.query_one(Changes).show(self.view.changes, now)
        self._show_clock()

    def _beat(self) -> None:
        self._show_clock()
        self.show_below_dialog()

    def _show_clock(self) -> None:
        right = run_clock(self.view, self.desk.clock(), not self._silent)
        self.query_one(TopBar).show(PHASE_WORDS[self.view.phase], self.view.title, right)

    @on(VerbDone)
    def take_verb(self, event: VerbDone) -> None:
        """A verb was taken: show it at once, without waiting for the next poll."""
        event.stop()
        before = self.view
        self._take(event.view)
        if not self._gone and (said := said_after(event.verb, before, event.view)) is not None:
            self.notice(said, "warning" if event.verb == "resolve" else "news")

    @on(LineEntered)
    def run_line(self, event: LineEntered) -> None:
        """Run a console line."""
        event.stop()
        backend, line = self.desk.backend, event.line
        call(self, "console", lambda: ConsoleAnswered(line, backend.console(line)))

    @on(ConsoleAnswered)
    def show_answer(self, event: ConsoleAnswered) -> None:
        """What a line gave."""
        event.stop()
        self.query_one(Console).answer(event.result)

    @on(CompletionAsked)
    def complete(self, event: CompletionAsked) -> None:
        """Ask for completions."""
        event.stop()
        backend, line = self.desk.backend, event.line
        call(self, "completions", lambda: CompletionsRead(line, backend.completions(line)))

    @on(CompletionsRead)
    def show_completions(self, event: CompletionsRead) -> None:
        """Words that could stand there."""
        event.stop()
        self.query_one(Console).offer(event.line, event.words)

    async def take_failure(self, event: CallFailed) -> None:
        """Failures of console lines belong in the console; silence of completions in none; others on top."""
        match event.group:
            case "console":
                text = f"{event.error.title}: {event.error.message}\n→ {event.error.next_step}"
                self.query_one(Console).answer(ConsoleResult(text, ok=False, changed=False))
            case "completions":
                self.app.bell()
            case _:
                self.notice(event.error)

    @on(ChangePicked)
    def diagnose_change(self, event: ChangePicked) -> None:
        """Enter on a change begins a diagnosis with it."""
        event.stop()
        self.ask_diagnosis(event.change_id)

    @property
    def _one_pane(self) -> bool:
        return self._zoomed or self.is_small

    def _lay_out(self) -> None:
        for pane in PANES:
            self.set_class(self._one_pane and pane == self._pane, f"-only-{pane}")
        self.set_class(self._zoomed, "-zoomed")
        self.query_one(PaneTabs).show(self._pane)

    def on_resize(self, event: Resize) -> None:
        """Fewer panes fit a smaller terminal."""
        self._lay_out()

    def action_pane(self, pane: str) -> None:
        """Show one pane, and give it the keyboard."""
        if pane not in PANES:
            return
        self._pane = pane
        self._lay_out()
        match self._pane:
            case "plots":
                self.set_focus(None)
            case "changes":
                self.query_one(Changes).focus()
            case "console":
                self.query_one(Console).input.focus()

    def action_zoom(self) -> None:
        """On a wide screen: one pane, and back to all. On a small one: the next pane."""
        if self.is_small:
            self.action_pane(PANES[(PANES.index(self._pane) + 1) % len(PANES)])
            return
        focused: dict[bool, PaneName] = {isinstance(self.focused, Changes): "changes"}
        self._pane = focused.get(True, "console" if isinstance(self.focused, Input) else "plots")
        self._zoomed = not self._zoomed
        self._lay_out()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The console need not be offered to who is in it."""
        return not (action == "console" and isinstance(self.focused, Input))

    def action_console(self) -> None:
        """Type a command."""
        self.action_pane("console")

    def action_window(self) -> None:
        """The next span of time for the plots."""
        self._seconds = _WINDOWS[(_WINDOWS.index(self._seconds) + 1) % len(_WINDOWS)]
        self._poll_plots()
