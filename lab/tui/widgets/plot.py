"""One line plot in braille: axis, threshold, marks for changes, the part that is out of bounds in another colour."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from lab.tui.backend import PlotData
from lab.tui.panels import PlotPanel, axis_range, is_bad
from lab.tui.raster import Window, braille_rows, column_of, row_of

_AXIS_WIDTH = 8
_FRESH_SECONDS = 10.0
"""A newest value older than this is not shown as current."""


class Plot(Widget):
    """Draws one series; `show` redraws only when something changed."""

    DEFAULT_CSS = """
    Plot {
        height: 1fr; width: 1fr; min-height: 4; padding: 0 1 0 0;
        color: $foreground;
    }
    Plot > .plot--title { color: $muted; }
    Plot > .plot--value { color: $foreground; text-style: bold; }
    Plot > .plot--line { color: $primary; }
    Plot > .plot--bad { color: $error; text-style: bold; }
    Plot > .plot--axis { color: $foreground 45%; }
    Plot > .plot--mark { color: $warning; }
    Plot > .plot--threshold { color: $foreground 40%; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "plot--title",
        "plot--value",
        "plot--line",
        "plot--bad",
        "plot--axis",
        "plot--mark",
        "plot--threshold",
    }
    ALLOW_SELECT = False

    def __init__(self, panel: PlotPanel) -> None:
        super().__init__(id=f"plot-{panel.key}")
        self.panel = panel
        self._data = PlotData(())
        self._marks: tuple[float, ...] = ()
        self._seconds = 300
        self._at = 0.0
        self._drawn: list[Strip] = []
        self._drawn_for: tuple[int, int] = (0, 0)

    @property
    def current(self) -> float | None:
        """The newest value, None when it is missing or too old to be called current."""
        if not self._data.points:
            return None
        at, value = self._data.points[-1]
        return value if self._at - at <= _FRESH_SECONDS else None

    def show(self, data: PlotData, marks: tuple[float, ...], seconds: int, at: float) -> bool:
        """Draw these data up to `at`; returns False, and draws nothing, when all is as it was."""
        if (data, marks, seconds) == (self._data, self._marks, self._seconds) and at - self._at < 1.0:
            return False
        self._data, self._marks, self._seconds, self._at = data, marks, seconds, at
        self._drawn = []
        self.refresh()
        return True

    def notify_style_update(self) -> None:
        """Colours changed: draw again."""
        self._drawn = []
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """One row, from strips made once for a size and a state."""
        width, height = self.size
        if not self._drawn or self._drawn_for != (width, height):
            self._drawn = self._draw(width, height)
            self._drawn_for = (width, height)
        return self._drawn[y] if y < len(self._drawn) else Strip.blank(width, self.rich_style)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"plot--{name}")

    def _draw(self, width: int, height: int) -> list[Strip]:
        columns, rows = width - _AXIS_WIDTH, height - 1
        if columns < 8 or rows < 2:
            return [self._head(width)]
        values = [value for _, value in self._data.points if value is not None]
        bottom, top = axis_range(self.panel.axis, values, self._data.threshold)
        window = Window(self._at - self._seconds, self._at, bottom, top)
        cells = braille_rows(self._data.points, window, columns, rows)
        bad = self._bad_columns(window, columns)
        rule = None if self._data.threshold is None else row_of(self._data.threshold, window, rows)
        marks = {column for at in self._marks if (column := column_of(at, window, columns)) is not None}
        strips = [self._head(width)]
        for row, text in enumerate(cells):
            axis = Segment(self._axis_label(row, rows, rule, window), self._style("axis"))
            strips.append(Strip([axis, *self._body(row, text, bad, rule, marks)]))
        return [strip.adjust_cell_length(width, self.rich_style) for strip in strips]

    def _head(self, width: int) -> Strip:
        """Title on the left, the current value and its standing on the right."""
        value = self.current
        wrong = value is not None and is_bad(self.panel, value, self._data.threshold)
        text = "no data" if value is None else self.panel.write(value)
        text = f"✗ {text}" if wrong else text
        title = self.panel.title[: max(0, width - len(text) - 2)]
        gap = " " * max(1, width - len(title) - len(text) - 1)
        return Strip(
            [
                Segment(" " + title, self._style("title")),
                Segment(gap, self.rich_style),
                Segment(text, self._style("bad" if wrong else "value" if value is not None else "axis")),
            ]
        ).adjust_cell_length(width, self.rich_style)

    def _axis_label(self, row: int, rows: int, rule: int | None, window: Window) -> str:
        label = ""
        if row == 0:
            label = self.panel.write(window.top)
        elif row == rows - 1:
            label = self.panel.write(window.bottom)
        elif row == rule and self._data.threshold is not None and 1 < row < rows - 1:
            label = self.panel.write(self._data.threshold)
        tick = "┤" if label else "│"
        label = label.replace(".0 %", " %")
        return f"{label[: _AXIS_WIDTH - 1]:>{_AXIS_WIDTH - 1}}{tick}"

    def _body(self, row: int, text: str, bad: set[int], rule: int | None, marks: set[int]) -> list[Segment]:
        line, wrong, mark, threshold = map(self._style, ("line", "bad", "mark", "threshold"))
        segments: list[Segment] = []
        for column, cell in enumerate(text):
            if cell != " ":
                segments.append(Segment(cell, wrong if column in bad else line))
            elif column in marks:
                segments.append(Segment("▾" if row == 0 else "┊", mark))
            else:
                segments.append(Segment("┄" if row == rule else " ", threshold))
        return list(Segment.simplify(segments))

    def _bad_columns(self, window: Window, columns: int) -> set[int]:
        return {
            column
            for at, value in self._data.points
            if value is not None
            and is_bad(self.panel, value, self._data.threshold)
            and (column := column_of(at, window, columns)) is not None
        }
