"""The help page, made from the table of keys."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lab.tui.keys import AREA_TITLES, KEYS, Area, pretty
from lab.tui.modals.base import Dialog


def help_page(areas: tuple[Area, ...]) -> Content:
    """Keys and meanings of these areas."""
    lines: list[Content] = []
    for area in areas:
        lines.append(Content.styled(AREA_TITLES[area], "bold $accent"))
        for key in KEYS[area]:
            lines.append(Content.assemble((f"  {pretty(key.keys):<12}", "bold"), " ", key.meaning))
        lines.append(Content(""))
    lines.append(Content.styled("Mouse works too: click, scroll, and the keys in the footer.", "$muted"))
    return Content("\n").join(lines)


class Help(Dialog[None]):
    """Keys of the screen it was called from; scrolls."""

    DEFAULT_CSS = """
    Help #box { width: 96; height: auto; }
    Help Static { height: auto; }
    """

    def __init__(self, areas: tuple[Area, ...]) -> None:
        super().__init__()
        self._areas = areas

    def compose(self) -> ComposeResult:
        """One scrolling page."""
        with VerticalScroll(id="box") as box:
            box.border_title = "Help"
            box.border_subtitle = "Esc closes"
            yield Static(help_page(self._areas), markup=False)

    def on_mount(self) -> None:
        """Arrow keys scroll at once."""
        self.query_one("#box").focus()
