"""A message that must be read: an error, a refusal, or plain news."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Static

from lab.errors import LabError
from lab.tui.modals.base import Dialog


class Notice(Dialog[None]):
    """Title, message, next step; Enter or Escape closes it."""

    DEFAULT_CSS = """
    Notice.-error #box { border: round $error; border-title-color: $error; }
    Notice.-warning #box { border: round $warning; border-title-color: $warning; }
    Notice #scroll { height: auto; max-height: 14; }
    Notice #scroll > .text { height: auto; }
    Notice #next { height: auto; margin: 1 0; }
    """

    def __init__(self, title: str, message: str, next_step: str = "", kind: str = "error") -> None:
        super().__init__(classes=f"-{kind}")
        self._glyph = {"error": "✗", "warning": "⚠", "news": "●"}[kind]
        self.subject, self.message, self.next_step = title, message, next_step

    @classmethod
    def of(cls, error: LabError, kind: str = "error") -> Notice:
        """The notice of an error."""
        return cls(error.title, error.message, error.next_step, kind)

    def compose(self) -> ComposeResult:
        """A scrolling message and one button."""
        with VerticalScroll(id="box") as box:
            box.can_focus = False
            box.border_title = f"{self._glyph} {self.subject}"
            with VerticalScroll(id="scroll", can_focus=False):
                yield Static(self.message, classes="text", markup=False)
            if self.next_step:
                yield Static(f"→ {self.next_step}", id="next", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Go on", id="close", compact=True)

    def on_mount(self) -> None:
        """Enter closes."""
        self.query_one("#close").focus()

    def on_button_pressed(self) -> None:
        """Close."""
        self.dismiss(None)
