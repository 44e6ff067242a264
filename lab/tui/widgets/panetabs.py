"""One line that says which pane is shown, where only one fits."""

from __future__ import annotations

from typing import Literal

from textual.content import Content
from textual.widgets import Static

PaneName = Literal["plots", "changes", "console"]
PANES: tuple[PaneName, ...] = ("plots", "changes", "console")


class PaneTabs(Static):
    """The panes by name; the keys are those of the on-call screen."""

    DEFAULT_CSS = """
    PaneTabs { height: 1; padding: 0 1; background: $surface; }
    """

    def show(self, shown: PaneName) -> None:
        """Mark the pane that is shown."""
        parts: list[tuple[str, str]] = []
        for number, pane in enumerate(PANES, 1):
            style = "bold $accent reverse" if pane == shown else "$muted"
            parts += [(f" {number} {pane} ", style), (" ", "")]
        self.update(Content.assemble(*parts, ("F6 next", "$muted")))
