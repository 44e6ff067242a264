"""The grid of plots; new data reach one plot at a time, so that no tick of the loop draws more than one."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Grid

from lab.tui.backend import PlotData
from lab.tui.messages import PlotsRead
from lab.tui.panels import PANELS
from lab.tui.widgets.plot import Plot

_STAGGER_SECONDS = 0.04
_EMPTY = PlotData(())


class Plots(Grid):
    """Six plots, three by two or two by three."""

    DEFAULT_CSS = """
    Plots { grid-size: 3 2; grid-gutter: 0 1; border: round $border; border-title-color: $muted;
            border-subtitle-color: $muted; height: 1fr; padding: 0; }
    """

    def __init__(self) -> None:
        super().__init__(id="plots")
        self.border_title = "plots"
        self._waiting: dict[str, PlotData] = {}
        self._read: PlotsRead | None = None
        self._marks: tuple[float, ...] = ()
        self.drawn = 0
        """How many plots have been redrawn so far."""

    def compose(self) -> ComposeResult:
        """One plot a panel."""
        for panel in PANELS:
            yield Plot(panel)

    def on_mount(self) -> None:
        """Begin the tick that hands data out."""
        self.set_interval(_STAGGER_SECONDS, self._hand_out)

    def show(self, read: PlotsRead, marks: tuple[float, ...]) -> None:
        """Take new data; each plot gets its own in the next ticks."""
        self._read, self._marks = read, marks
        self._waiting = {panel.key: read.plots.get(panel.key, _EMPTY) for panel in PANELS}
        subtitle = f"last {read.seconds // 60} min, F7 changes   ┊ a change"
        if subtitle != self.border_subtitle:
            self.border_subtitle = subtitle

    def _hand_out(self) -> None:
        """
        Give one plot its data; plots that nobody sees and plots without news cost nothing.

        Below a dialog every change draws the whole screen anew, so there all plots go in one tick.
        """
        read = self._read
        if read is None or not self._waiting or not self.display:
            return
        while self._waiting:
            key = next(iter(self._waiting))
            data = self._waiting.pop(key)
            if self.query_one(f"#plot-{key}", Plot).show(data, self._marks, read.seconds, read.at):
                self.drawn += 1
                if self.screen.is_current:
                    return
