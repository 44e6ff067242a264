"""The result of a run: verdict, both scores with a line for every part, and the checks that gate them."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lab.grading.report import Check, Report, ScoreLine, Side
from lab.tui import form

_SIDES: tuple[tuple[Side, str], ...] = (("operated", "Operating"), ("explained", "Explaining"))


def verdict_line(report: Report) -> Content:
    """Pass or not, and both scores."""
    match report.verdict:
        case "pass":
            badge = ("✔ PASSED", "bold $text-success")
        case "fail":
            badge = ("✗ NOT PASSED", "bold $text-error")
        case "void":
            badge = ("■ VOID: the lab failed, nothing counts", "bold $text-warning")
    return Content.assemble(
        badge,
        "    operating ",
        (f"{report.operated:.0f}", "bold"),
        ("/100", "$text-muted"),
        "    explaining ",
        (f"{report.explained:.0f}", "bold"),
        ("/100", "$text-muted"),
    )


class PartRow(Horizontal):
    """One part of a score: name, bar, points, and why."""

    DEFAULT_CSS = """
    PartRow { height: auto; }
    PartRow .part { width: 18; }
    PartRow .bar { width: 11; }
    PartRow .points { width: 8; text-align: right; padding-right: 2; text-style: bold; }
    PartRow .why { width: 1fr; color: $text-muted; }
    """

    def __init__(self, line: ScoreLine) -> None:
        super().__init__()
        self._line = line

    def compose(self) -> ComposeResult:
        """Left to right as read."""
        line = self._line
        share = line.points / line.of if line.of else (1.0 if line.points >= 0 else 0.0)
        full, empty = form.bar(share, 10)
        style = "$text-success" if share >= 0.995 else "$text-warning" if share >= 0.5 else "$text-error"
        glyph = "✓" if share >= 0.995 else "◐" if share > 0 else "✗"
        points = f"{line.points:g}/{line.of:g}" if line.of else f"{line.points:+g}"
        yield Static(Content.assemble((glyph, style), " ", line.part.replace("_", " ")), classes="part")
        yield Static(Content.assemble((full, style), (empty, "$foreground 15%")), classes="bar")
        yield Static(points, classes="points", markup=False)
        yield Static(line.why, classes="why", markup=False)


class CheckRow(Horizontal):
    """One objective or safeguard: a gate, not points."""

    DEFAULT_CSS = """
    CheckRow { height: auto; }
    CheckRow .part { width: 18; }
    CheckRow .verdict { width: 19; }
    CheckRow .why { width: 1fr; color: $text-muted; }
    """

    def __init__(self, check: Check) -> None:
        super().__init__()
        self._check = check

    def compose(self) -> ComposeResult:
        """Left to right as read."""
        check = self._check
        match check.verdict:
            case "pass":
                glyph, style = "✓ pass", "$text-success"
            case "fail":
                glyph, style = "✗ fail", "bold $text-error"
            case "unknown":
                glyph, style = "? unknown", "$text-warning"
        yield Static(check.name.replace("_", " "), classes="part", markup=False)
        yield Static(Content.assemble((glyph, style), (f" {check.kind}", "$text-muted")), classes="verdict")
        yield Static(check.why, classes="why", markup=False)


class Scores(VerticalScroll):
    """Both scores line by line, then the gates."""

    DEFAULT_CSS = """
    Scores { padding: 0 1; }
    Scores .head { margin-top: 1; text-style: bold; color: $text-accent; }
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
            yield Static(Content.assemble("\n", ("bundle  ", "$text-muted"), report.bundle))
