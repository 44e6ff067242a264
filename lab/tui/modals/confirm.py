"""A question with a safe answer and one or two that do something."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from lab.tui.modals.base import Dialog


class Confirm(Dialog[str]):
    """
    Asks, and returns the id of the answer that was chosen.

    `answers` are pairs of id and label; the first has the focus. Accepting from the keyboard takes the first.
    """

    DEFAULT_CSS = """
    Confirm #box > VerticalScroll { height: auto; max-height: 14; margin-bottom: 1; }
    Confirm #question { height: auto; }
    """

    def __init__(
        self, title: str, question: str | Content, answers: tuple[tuple[str, str], ...], cancel: str = "Cancel"
    ) -> None:
        super().__init__()
        self._subject, self._question, self._answers, self._cancel = title, question, answers, cancel

    def compose(self) -> ComposeResult:
        """The question over its answers."""
        with VerticalScroll(id="box", can_focus=False) as box:
            box.border_title = self._subject
            with VerticalScroll(can_focus=False):
                yield Static(self._question, id="question", markup=False)
            with Horizontal(id="buttons"):
                for answer, label in self._answers:
                    yield Button(label, id=answer, compact=True)
                yield Button(self._cancel, id="cancel", compact=True)

    def on_mount(self) -> None:
        """The first answer is one key away."""
        self.query_one(f"#{self._answers[0][0]}").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Return the chosen answer."""
        self.dismiss(None if event.button.id == "cancel" else event.button.id)

    def action_accept(self) -> None:
        """Take the first answer."""
        self.dismiss(self._answers[0][0])
