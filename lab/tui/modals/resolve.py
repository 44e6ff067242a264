"""Ending the incident: it is right again, or nothing was wrong."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from lab.tui.modals.base import Dialog


@dataclass(frozen=True, slots=True)
class Resolution:
    """How the run is to end."""

    nothing_wrong: bool
    reason: str
    give_up: bool = False
    """End on call without a fix."""


class Resolve(Dialog[Resolution]):
    """Three ways to end being on call; the second needs a reason, and the last two end any run."""

    DEFAULT_CSS = """
    Resolve OptionList { height: auto; max-height: 6; margin-bottom: 1; }
    Resolve Input { margin-bottom: 1; }
    """

    def __init__(self, refused: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._refused = refused

    def compose(self) -> ComposeResult:
        """The ways, the reason, what was refused last time."""
        with Vertical(id="box") as box:
            box.border_title = "Resolve"
            box.border_subtitle = "a refusal costs nothing"
            if self._refused:
                yield Static("Refused last time:\n" + _listed(self._refused), classes="problem", markup=False)
            yield OptionList(
                Option(_choice("It is right again", "checked against every objective and how long it has held")),
                Option(_choice("Nothing is wrong", "ends the run: right on a quiet shift, a fail on any other")),
                Option(_choice("I cannot fix it", "ends being on call as it stands; the note can still be written")),
            )
            yield Label("Why is nothing wrong? What did you look at?", id="why")
            yield Input(placeholder="The alert flaps at the edge; good share never left 99 %", max_length=300)
            yield Static("", classes="problem", id="problem")
            with Horizontal(id="buttons"):
                yield Button("Resolve", id="resolve", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Begin at the usual way."""
        self.query_one("#problem").display = False
        self._ask_reason(False)
        ways = self.query_one(OptionList)
        ways.highlighted = 0
        ways.focus()

    def _ask_reason(self, needed: bool) -> None:
        self.query_one("#why").display = self.query_one(Input).display = needed

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Only the second way asks for a reason."""
        self._ask_reason(event.option_index == 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter ends it that way; on the second it goes on to the reason."""
        if event.option_index == 1:
            self.query_one(Input).focus()
        else:
            self.action_accept()

    def on_input_submitted(self) -> None:
        """Enter after the reason resolves."""
        self.action_accept()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Resolve or not."""
        if event.button.id == "resolve":
            self.action_accept()
        else:
            self.dismiss(None)

    def action_accept(self) -> None:
        """Resolve in the chosen way."""
        way = self.query_one(OptionList).highlighted
        nothing_wrong = way == 1
        reason = self.query_one(Input).value.strip()
        if nothing_wrong and not reason:
            problem = self.query_one("#problem", Static)
            problem.update("✗ Say why: what did you look at, and what did it show?")
            problem.display = True
            self.query_one(Input).focus()
            return
        self.dismiss(Resolution(nothing_wrong, reason if nothing_wrong else "", give_up=way == 2))


def _choice(title: str, meaning: str) -> Content:
    return Content.assemble((title, "bold"), "\n", (f"  {meaning}", "$muted"))


def _listed(reasons: tuple[str, ...]) -> str:
    return "\n".join(f"  • {reason}" for reason in reasons)
