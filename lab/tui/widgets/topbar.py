"""The first line of a screen: where one is, what it is about, and the time."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from lab.incident.events import Phase
from lab.keeper.view import RunView
from lab.tui import form

PHASE_WORDS: dict[Phase, tuple[str, str]] = {
    "preparing": ("◌ PREPARING", "$warning"),
    "on_call": ("● ON CALL", "$success"),
    "writing": ("✎ WRITING", "$accent"),
    "graded": ("✔ GRADED", "$accent"),
    "aborted": ("■ ABORTED", "$muted"),
    "void": ("■ VOID", "$warning"),
    "prevented": ("■ PREVENTED", "$warning"),
}


class TopBar(Widget):
    """Badge and title on the left, clock on the right; the title gives way first."""

    DEFAULT_CSS = """
    TopBar { height: 1; width: 1fr; background: $panel; padding: 0 1; dock: top; }
    """

    def __init__(self) -> None:
        super().__init__(id="topbar")
        self._badge: tuple[str, str] = ("", "")
        self._title = ""
        self._right: tuple[tuple[str, str], ...] = ()

    def show(self, badge: tuple[str, str], title: str, right: tuple[tuple[str, str], ...] = ()) -> None:
        """Show a badge with its style, a title, and styled pieces at the right edge; redraws only what differs."""
        state = (badge, title, right)
        if state != (self._badge, self._title, self._right):
            self._badge, self._title, self._right = state
            self.refresh()

    def render(self) -> Content:
        """One line, exactly as wide as the bar."""
        right = Content.assemble(*((text, style) for text, style in self._right))
        room = self.content_size.width - right.cell_length - 1
        left = Content.assemble((self._badge[0], f"bold {self._badge[1]}"), "  ", (self._title, "bold"))
        left = left.truncate(max(4, room), ellipsis=True)
        return Content.assemble(left, " " * max(1, room + 1 - left.cell_length), right)


def run_clock(view: RunView, now: float, answering: bool) -> tuple[tuple[str, str], ...]:
    """Elapsed and remaining time with a bar, for the right edge; says so when the lab does not answer."""
    if not answering:
        return (("⚠ no answer from the lab, trying again", "bold $warning"),)
    if view.on_call_since is None or view.on_call_ends is None:
        return ((f"waiting {form.clock(now - view.started)}", "$muted"),)
    whole = max(1.0, view.on_call_ends - view.on_call_since)
    left = max(0.0, view.on_call_ends - now)
    full, empty = form.bar(1 - left / whole, 12)
    style = "bold $error" if left < 60 else "$warning" if left < whole * 0.25 else "$foreground"
    return (
        (f"{form.clock(now - view.on_call_since)} in  ", "$muted"),
        (full, style),
        (empty, "$foreground 20%"),
        (f"  {form.clock(left)} left", style),
    )
