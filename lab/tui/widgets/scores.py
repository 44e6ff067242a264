"""The result of a run: verdict, both scores with a line for every part, and the checks that gate them."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lab.grading.report import Check, Report, ScoreLine, Side
from lab.tui import form

_SIDES: tuple[tuple[Side, str], ...] = (("operated", "Operating"), ("explained", "Explaining"))


def verdict_line(report: Report) -> Content:
    """Pass or not, and both scores."""
    match report.verdict:
        case "pass":
            badge = ("✔ PASSED", "bold $success")
        case "fail":
            badge = ("✗ NOT PASSED", "bold $error")
        case "void":
            badge = ("■ VOID: the lab failed, nothing counts", "bold $warning")
    return Content.assemble(
        badge,
        "    operating ",
        (f"{report.operated:.0f}", "bold"),
        ("/100", "$muted"),
        "    explaining ",
        (f"{report.explained:.0f}", "bold"),
        ("/100", "$muted"),
    )


class PartRow(Vertical):
    """One part of a score: name, bar and points; below, why."""

    DEFAULT_CSS = """
    PartRow { height: auto; }
    PartRow .why { padding-left: 2; color: $muted; height: auto; }
    """

    def __init__(self, line: ScoreLine) -> None:
        super().__init__()
        self._line = line

    def compose(self) -> ComposeResult:
        """The figures over the reason."""
        line = self._line
        share = line.points / line.of if line.of else (1.0 if line.points >= 0 else 0.0)
        full, empty = form.bar(share, 16)
        style = "$success" if share >= 0.995 else "$warning" if share >= 0.5 else "$error"
        glyph = "✓" if share >= 0.995 else "◐" if share > 0 else "✗"
        points = f"{round(line.points, 1):g}/{round(line.of, 1):g}" if line.of else f"{round(line.points, 1):+g}"
        yield Static(
            Content.assemble(
                (f"{glyph} ", style),
                f"{line.part.replace('_', ' '):<28}",
                (full, style),
                (empty, "$foreground 15%"),
                (f"{points:>9}", "bold"),
            )
        )
        yield Static(line.why, classes="why", markup=False)


class CheckRow(Vertical):
    """One objective or safeguard: a gate, not points; below, why."""

    DEFAULT_CSS = """
    CheckRow { height: auto; }
    CheckRow .why { padding-left: 2; color: $muted; height: auto; }
    """

    def __init__(self, check: Check) -> None:
        super().__init__()
        self._check = check

    def compose(self) -> ComposeResult:
        """The verdict over the reason."""
        check = self._check
        match check.verdict:
            case "pass":
                glyph, style = "✓", "$success"
            case "fail":
                glyph, style = "✗", "bold $error"
            case "unknown":
                glyph, style = "?", "$warning"
        yield Static(
            Content.assemble(
                (f"{glyph} ", style),
                f"{check.name.replace('_', ' '):<28}",
                (f"{check.verdict:<9}", style),
                (f"{check.kind}", "$muted"),
            )
        )
        yield Static(check.why, classes="why", markup=False)


class Scores(VerticalScroll):
    """Both scores line by line, then the gates."""

    DEFAULT_CSS = """
    Scores { padding: 0 1; }
    Scores .head { margin-top: 1; text-style: bold; color: $accent; }
    Scores Vertical { height: auto; }
    """

    def __init__(self, report: Report) -> None:
        super().__init__(id="scores")
        self._report = report

    def compose(self) -> ComposeResult:
        """A block for each score, then one for the gates."""
        report = self._report
        for side, title in _SIDES:
            total = report.operated if side == "operated" else report.explained
            with Vertical():
                yield Static(f"{title}  {total:.0f} of 100", classes="head", markup=False)
                for line in report.lines:
                    if line.side == side:
                        yield PartRow(line)
        if report.checks:
            with Vertical():
                yield Static("Gates", classes="head", markup=False)
                for check in report.checks:
                    yield CheckRow(check)
        if report.bundle:
            yield Static(Content.assemble("\n", ("bundle  ", "$muted"), report.bundle))
