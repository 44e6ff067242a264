"""Declaring an incident: how bad, and one line of what is seen."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from lab.tui.modals.base import Dialog

SEVERITIES: tuple[tuple[str, str], ...] = (
    ("SEV1", "half of all requests or more are not good"),
    ("SEV2", "one request in ten or more"),
    ("SEV3", "one request in a hundred or more"),
    ("SEV4", "fewer; it can wait for the morning"),
)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What was declared."""

    severity: str
    summary: str


class Declare(Dialog[Declaration]):
    """Severity list and a summary."""

    DEFAULT_CSS = """
    Declare OptionList { height: 4; margin: 0 0 1 0; }
    Declare Input { margin-bottom: 1; }
    """

    def compose(self) -> ComposeResult:
        """Severities, summary, buttons."""
        with Vertical(id="box") as box:
            box.border_title = "Declare an incident"
            box.border_subtitle = "a false one costs 5 points"
            yield Label("How bad is it?  ↑ ↓, Enter")
            yield OptionList(
                *(
                    Option(Content.assemble((name, "bold"), "  ", (meaning, "$muted")), id=name)
                    for name, meaning in SEVERITIES
                )
            )
            yield Label("What do users see? One line.")
            yield Input(placeholder="Scores are slow for some travel desks", max_length=120)
            yield Static("", classes="problem", id="problem")
            with Horizontal(id="buttons"):
                yield Button("Declare", id="declare", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Begin at the usual severity."""
        self.query_one("#problem").display = False
        severities = self.query_one(OptionList)
        severities.highlighted = 1
        severities.focus()

    def on_option_list_option_selected(self) -> None:
        """Enter on a severity goes on to the summary."""
        self.query_one(Input).focus()

    def on_input_submitted(self) -> None:
        """Enter in the summary declares."""
        self.action_accept()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Declare or not."""
        if event.button.id == "declare":
            self.action_accept()
        else:
            self.dismiss(None)

    def action_accept(self) -> None:
        """Declare with what is chosen; a summary is needed, others will read it."""
        summary = self.query_one(Input).value.strip()
        if not summary:
            problem = self.query_one("#problem", Static)
            problem.update("✗ Say in one line what users see: the next person on call reads this.")
            problem.display = True
            self.query_one(Input).focus()
            return
        index = self.query_one(OptionList).highlighted or 0
        self.dismiss(Declaration(SEVERITIES[index][0], summary))
