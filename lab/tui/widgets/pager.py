"""The band the eye lands on first: how many requests are good, what is firing, and what has been done about it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Digits, Static

from lab.keeper.view import AlertView, RunView
from lab.tui import form

Line = tuple[str | tuple[str, str], ...]


class GoodShare(Vertical):
    """The share of planned requests that were good, in large figures, with a word beside the colour."""

    DEFAULT_CSS = """
    GoodShare { width: 24; padding: 0 1; }
    GoodShare Digits { width: 1fr; height: 3; text-align: left; color: $foreground; }
    GoodShare #good-word { height: 1; color: $muted; }
    GoodShare.-bad Digits, GoodShare.-bad #good-word { color: $error; text-style: bold; }
    GoodShare.-good Digits, GoodShare.-good #good-word { color: $success; }
    """

    def __init__(self) -> None:
        super().__init__(id="good-share")
        self.border_title = "good share"
        self._shown: tuple[float | None, float | None] | None = None

    def compose(self) -> ComposeResult:
        """Figures over a word."""
        yield Digits("--.-%")
        yield Static("? no data yet", id="good-word", markup=False)

    def show(self, value: float | None, threshold: float | None) -> None:
        """Show the newest value against the objective's bound; redraws only on news."""
        if (value, threshold) == self._shown:
            return
        self._shown = (value, threshold)
        bad = value is not None and threshold is not None and value < threshold
        self.set_class(bad, "-bad")
        self.set_class(value is not None and threshold is not None and not bad, "-good")
        self.query_one(Digits).update("--.-%" if value is None else form.percent(value).replace(" ", ""))
        self.query_one("#good-word", Static).update(self._word(value, threshold, bad), layout=False)

    @staticmethod
    def _word(value: float | None, threshold: float | None, bad: bool) -> str:
        if value is None:
            return "? good share: no data"
        if threshold is None:
            return "of requests good"
        bound = form.percent(threshold).replace(".0 %", " %")
        return f"✗ good < {bound}" if bad else f"✓ good ≥ {bound}"


class Alerts(Widget):
    """Alerts, the firing ones first: glyph, word, name, age, and what they say."""

    DEFAULT_CSS = """
    Alerts { width: 1fr; height: 1fr; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__(id="alerts")
        self.border_title = "alerts"
        self._alerts: tuple[AlertView, ...] = ()
        self._now = 0.0

    def show(self, alerts: tuple[AlertView, ...], now: float) -> None:
        """Show these alerts with their ages at `now`; redraws only on news, and once a second for the ages."""
        order = tuple(sorted(alerts, key=lambda alert: (alert.state != "firing", alert.since)))
        if order == self._alerts and (not order or int(now) == int(self._now)):
            return
        self._alerts, self._now = order, now
        self.set_class(self.firing > 0, "-firing")
        self.refresh()

    @property
    def firing(self) -> int:
        """How many alerts are firing."""
        return sum(alert.state == "firing" for alert in self._alerts)

    def render(self) -> Content:
        """Two lines an alert as room allows; the last line counts what did not fit."""
        if not self._alerts:
            return Content.assemble(("✓ no alert", "$success"), "\n", ("Quiet does not mean well: look.", "$muted"))
        room = max(1, self.content_size.height)
        lines: list[Content] = []
        shown = 0
        for alert in self._alerts:
            needed = 2 if alert.summary else 1
            last = shown + 1 == len(self._alerts)
            if lines and len(lines) + needed > room - (not last):
                break
            lines += self._entry(alert)
            shown += 1
        if shown < len(self._alerts):
            lines.append(Content.styled(f"  and {len(self._alerts) - shown} more", "$muted"))
        return Content("\n").join(lines[:room])

    def _entry(self, alert: AlertView) -> list[Content]:
        firing = alert.state == "firing"
        glyph, style = ("▲ FIRING", "bold $error") if firing else ("◔ pending", "$warning")
        width = max(10, self.content_size.width)
        head = Content.assemble(
            (glyph, style), " ", (alert.name, "bold"), "  ", (f"{form.age(self._now - alert.since)}", "$muted")
        )
        lines = [head.truncate(width, ellipsis=True)]
        if alert.summary:
            lines.append(Content.styled(f"  {alert.summary}", "$foreground").truncate(width, ellipsis=True))
        return lines


class Moves(Widget):
    """The learner's own steps, done and to do, with their keys."""

    DEFAULT_CSS = """
    Moves { width: 40; height: 1fr; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__(id="moves")
        self.border_title = "your moves"
        self._view: RunView | None = None
        self._now = 0.0

    def show(self, view: RunView, now: float) -> None:
        """Show what has been done in this run; redraws only on news, and once a second for the ages."""
        ages = view.declaration is not None and int(now) != int(self._now)
        if view != self._view or ages:
            self._view, self._now = view, now
            self.refresh()

    def render(self) -> Content:
        """One line a step."""
        if (view := self._view) is None:
            return Content("")
        width = max(10, self.content_size.width)
        rows = (self._declared(view), self._diagnosed(view), self._resolved(view), self._hints(view))
        return Content("\n").join(Content.assemble(*row).truncate(width, ellipsis=True) for row in rows)

    def _declared(self, view: RunView) -> Line:
        if view.declaration is None:
            return (("F2 ", "$accent"), ("○ not declared", "$muted"))
        age = form.age(self._now - view.declaration.at)
        return (
            ("F2 ", "$accent"),
            ("◆ DECLARED ", "bold $warning"),
            f"{view.declaration.severity}  {age} ago",
        )

    def _diagnosed(self, view: RunView) -> Line:
        if view.diagnosis is None:
            return (("F3 ", "$accent"), ("○ no diagnosis", "$muted"))
        return (
            ("F3 ", "$accent"),
            ("◆ ", "$warning"),
            view.diagnosis.cause,
            (f" {view.diagnosis.component}", "$muted"),
        )

    def _resolved(self, view: RunView) -> Line:
        if view.refused:
            return (("F5 ", "$accent"), ("✗ not yet: ", "bold $warning"), view.refused[0])
        return (("F5 ", "$accent"), ("○ not resolved", "$muted"))

    def _hints(self, view: RunView) -> Line:
        taken = len(view.hints.taken)
        offer = "none on offer" if view.hints.next_cost is None else f"next costs {view.hints.next_cost}"
        glyph = "◆" if taken else "○"
        return (("F4 ", "$accent"), (f"{glyph} hints {taken}, {offer}", "$muted"))


class PagerBand(Horizontal):
    """Good share, alerts and moves side by side."""

    DEFAULT_CSS = """
    PagerBand { height: 6; }
    PagerBand > * { border: round $border; border-title-color: $muted; }
    PagerBand > GoodShare.-bad { border: round $error; border-title-color: $error; }
    PagerBand > Alerts.-firing { border: round $error; border-title-color: $error; }
    """

    def compose(self) -> ComposeResult:
        """Left to right in the order to read."""
        yield GoodShare()
        yield Alerts()
        yield Moves()
