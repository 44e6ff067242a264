"""What all dialogs share: a titled box, Escape, a key that accepts from any field."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import ModalScreen

from lab.tui.keys import bindings

T = TypeVar("T")


class Dialog(ModalScreen[T | None]):
    """A dialog in a `#box`; returns None when it is cancelled."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 65%; }
    Dialog #box { width: 72; max-width: 96%; height: auto; max-height: 96%; background: $surface;
                  border: round $accent; border-title-color: $accent; border-title-style: bold;
                  border-subtitle-color: $muted; padding: 1 2; }
    Dialog #box > .text { height: auto; margin-bottom: 1; }
    Dialog #box > .muted { height: auto; color: $muted; margin-bottom: 1; }
    Dialog #box > .problem { height: auto; color: $error; margin-bottom: 1; }
    Dialog #buttons { height: 1; align-horizontal: right; }
    Dialog #buttons Button { margin-left: 2; }
    Dialog Button { min-width: 10; padding: 0 2; background: $panel; color: $foreground; }
    Dialog Button:focus { background: $accent; color: $background; text-style: bold; }
    Dialog OptionList, Dialog OptionList:focus { border: none; background: $surface;
                                                 background-tint: $foreground 0%; padding: 0; }
    Dialog Input, Dialog Input:focus { border: none; height: 1; padding: 0 1; background: $panel; }
    Dialog Input:focus { background: $block-cursor-background; }
    Dialog Label { color: $muted; }
    """
    AUTO_FOCUS = ""
    BINDINGS = [*bindings("modal"), *bindings("app")]  # noqa: RUF012

    def action_cancel(self) -> None:
        """Close and change nothing."""
        self.dismiss(None)

    async def action_leave(self) -> None:
        """Leaving is possible from anywhere; keys of the app stop at a dialog unless it hands them on."""
        await self.app.run_action("app.leave")

    async def action_help(self) -> None:
        """Help from anywhere."""
        await self.app.run_action("app.help")

    def action_accept(self) -> None:
        """Do what the dialog is for."""
        self.dismiss(None)
