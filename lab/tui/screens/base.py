"""What all screens share: the desk, notices for errors, and where help looks."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.screen import Screen

from lab.errors import LabError
from lab.tui.desk import Desk
from lab.tui.keys import Area
from lab.tui.messages import CallFailed
from lab.tui.modals.notice import Notice

WIDE_COLUMNS = 100
TALL_ROWS = 32


class LabScreen(Screen[None]):
    """A screen over a desk; on a small terminal it has the classes `-narrow` and `-short`."""

    KEY_AREAS: ClassVar[tuple[Area, ...]] = ()
    """Areas of keys that hold here."""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE_COLUMNS, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL_ROWS, "-tall")]  # noqa: RUF012
    AUTO_FOCUS = ""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk

    @property
    def is_current(self) -> bool:
        """
        Whether nothing lies over this screen.

        Textual also counts a screen below a dialog, and then draws both over and over once the lower one has news;
        here the lower one waits, and `show_below_dialog` lets it be seen.
        """
        stack = self.app.screen_stack
        return bool(stack) and stack[-1] is self

    def show_below_dialog(self) -> None:
        """Draw what has changed since a dialog covered this screen; costs a whole screen, so call it seldom."""
        if not self.is_current and self.app.screen_stack:
            self.app.screen.refresh()

    @property
    def is_small(self) -> bool:
        """Whether the terminal is narrow or short."""
        return self.app.size.width < WIDE_COLUMNS or self.app.size.height < TALL_ROWS

    @property
    def leaving_keeps(self) -> str | None:
        """What goes on after the person leaves from here; None when nothing does, and leaving needs no question."""
        return None

    def notice(self, error: LabError, kind: str = "error") -> None:
        """Show an error on top of this screen."""
        self.app.push_screen(Notice.of(error, kind))

    @on(CallFailed)
    async def hear_failure(self, event: CallFailed) -> None:
        """A call of this screen failed."""
        event.stop()
        await self.take_failure(event)

    async def take_failure(self, event: CallFailed) -> None:
        """Say what failed; screens that know a better place than a dialog override this."""
        self.notice(event.error)
