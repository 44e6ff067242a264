"""Where nothing is going on: the state of the stack, and the incidents by symptom."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from lab.errors import LabError
from lab.keeper.view import RunView
from lab.tui import form
from lab.tui.backend import ScenarioCard, StackStatus
from lab.tui.desk import Desk
from lab.tui.keys import bindings
from lab.tui.messages import BringUpAsked, CallFailed, OverviewRead, RunMoved
from lab.tui.modals.confirm import Confirm
from lab.tui.screens.base import LabScreen
from lab.tui.threads import call
from lab.tui.widgets.topbar import TopBar

LIVE_PHASES = ("preparing", "on_call", "writing")
_LEVELS = {1: "●○○", 2: "●●○", 3: "●●●"}


class StartScreen(LabScreen):
    """Choose an incident, or bring the stack up."""

    CSS = """
    StartScreen #stack { height: 4; border: round $border; border-title-color: $muted; padding: 0 1; }
    StartScreen #main { height: 1fr; }
    StartScreen #scenarios { width: 1fr; height: 1fr; border: round $border; border-title-color: $muted;
                             background: $background; padding: 0 1; }
    StartScreen #scenarios:focus { background-tint: $foreground 0%; border: round $accent;
                                   border-title-color: $accent; }
    StartScreen #detail { width: 46; height: 1fr; border: round $border; border-title-color: $muted;
                          padding: 0 1; }
    StartScreen #detail Static { height: auto; }
    StartScreen.-narrow #main { layout: vertical; }
    StartScreen.-narrow #detail { width: 1fr; height: 8; }
    """
    BINDINGS = bindings("start")
    KEY_AREAS = ("start", "app")

    def __init__(self, desk: Desk, moved: RunMoved | None = None) -> None:
        super().__init__(desk)
        self._told = moved
        self._status: StackStatus | None = None
        self._cards: tuple[ScenarioCard, ...] = ()
        self._last: RunView | None = None

    def compose(self) -> ComposeResult:
        """Stack, list, detail."""
        yield TopBar()
        yield Static(Content.styled("looking …", "$muted"), id="stack")
        with Horizontal(id="main"):
            yield OptionList(id="scenarios")
            with Vertical(id="detail"), VerticalScroll(can_focus=False):
                yield Static("", id="briefing")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Ask how things stand."""
        self.query_one(TopBar).show(("MLOps Lab", "$accent"), "on call for machine learning")
        self.query_one("#stack").border_title = "stack"
        self.query_one("#scenarios").border_title = "incidents, by what people notice"
        self.query_one("#detail").border_title = "briefing"
        self.query_one("#scenarios").focus()
        self.action_reload()
        if self._told is not None and self._told.notice is not None:
            self.notice(self._told.notice, "news")

    def action_reload(self) -> None:
        """Read stack, scenarios and run again."""
        backend = self.desk.backend
        call(self, "overview", lambda: OverviewRead(backend.status(), backend.scenarios(), backend.view()))

    @on(OverviewRead)
    def show_overview(self, event: OverviewRead) -> None:
        """A run that is going is where the person belongs; else show what there is."""
        event.stop()
        if event.view is not None and event.view.phase in LIVE_PHASES:
            self.app.post_message(RunMoved(event.view))
            return
        self._status, self._cards, self._last = event.status, event.scenarios, event.view
        self.query_one("#stack", Static).update(_stack_lines(event.status))
        scenarios = self.query_one("#scenarios", OptionList)
        kept = scenarios.highlighted or 0
        scenarios.clear_options()
        scenarios.add_options(Option(_card_line(card), id=card.slug) for card in event.scenarios)
        if event.scenarios:
            scenarios.highlighted = min(kept, len(event.scenarios) - 1)
        self.refresh_bindings()

    async def take_failure(self, event: CallFailed) -> None:
        """Say in place what is wrong; r tries again."""
        self.query_one("#stack", Static).update(
            Content.assemble(
                ("✗ ", "bold $error"),
                (event.error.title, "bold"),
                f": {event.error.message}\n",
                (f"→ {event.error.next_step} (r tries again)", "$muted"),
            )
        )

    @on(OptionList.OptionHighlighted, "#scenarios")
    def show_detail(self, event: OptionList.OptionHighlighted) -> None:
        """The briefing beside the list."""
        if event.option_index < len(self._cards):
            self.query_one("#briefing", Static).update(_detail(self._cards[event.option_index]))

    @on(OptionList.OptionSelected, "#scenarios")
    def chosen(self, event: OptionList.OptionSelected) -> None:
        """Enter on the list."""
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        """Ask once before the clock runs."""
        index = self.query_one("#scenarios", OptionList).highlighted
        if index is None or index >= len(self._cards):
            return
        card = self._cards[index]

        def answered(answer: str | None) -> None:
            if answer == "start":
                self.app.post_message(BringUpAsked(card.slug, card.title))

        terms = f"Graded: {card.minutes} minutes on call, no pause; then the note, untimed. Hints cost points."
        question = Content.assemble(card.briefing.strip(), "\n\n", (terms, "$muted"))
        self.app.push_screen(Confirm(card.title, question, (("start", "Take the pager"),), "Not now"), answered)

    def action_bring_up(self) -> None:
        """Bring the stack up, nothing else."""
        if self._status is not None and self._status.up:
            self.notice(LabError("The stack is up", "There is nothing to bring up.", "Choose an incident."), "news")
            return
        self.app.post_message(BringUpAsked())

    def action_last_debrief(self) -> None:
        """Open the debrief of the graded run."""
        if self._last is not None and self._last.phase == "graded":
            self.app.post_message(RunMoved(self._last))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers only what can be done."""
        if action == "last_debrief":
            return self._last is not None and self._last.phase == "graded"
        if action == "bring_up":
            return self._status is None or not self._status.up
        return True


def _stack_lines(status: StackStatus) -> Content:
    if not status.up:
        return Content.assemble(
            ("○ down", "bold $warning"),
            f"  {status.engine}\n",
            ("Starting an incident brings it up; u does just that.", "$muted"),
        )
    urls = "   ".join(f"{name} {address}" for name, address in status.urls)
    return Content.assemble(("● up", "bold $success"), f"  {status.engine}\n", (urls, "$muted"))


def _best(card: ScenarioCard) -> tuple[str, str]:
    if card.best is None:
        return ("·  not yet graded", "$muted")
    return (f"best {card.best:.0f}", "$success" if card.best >= 70 else "$warning")


def _card_line(card: ScenarioCard) -> Content:
    facts = Content.assemble(
        ("  level ", "$muted"),
        (_LEVELS.get(card.level, str(card.level)), "$accent"),
        (f"  {card.minutes} min  ", "$muted"),
        _best(card),
    )
    return Content("\n").join([Content.styled(card.title, "bold"), facts])


def _detail(card: ScenarioCard) -> Content:
    return Content.assemble(
        (card.title, "bold"),
        "\n\n",
        card.briefing.strip(),
        "\n\n",
        (
            f"level {card.level} of 3, {form.plural(card.minutes, 'minute')} on call\nlab incident start {card.slug}",
            "$muted",
        ),
    )
