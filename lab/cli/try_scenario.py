"""`lab try`: a run with everything revealed, for those who write scenarios."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from lab.cli.context import Context, add
from lab.cli.demo import report_result
from lab.cli.output import OK, Result
from lab.content.loader import LoadedScenario, find
from lab.content.values import format_duration
from lab.errors import LabError, RunVoid, SettingsError
from lab.grading.debrief import told
from lab.grading.facts import RunFacts
from lab.grading.report import Report
from lab.keeper.autopilot import Autopilot
from lab.keeper.client import KeeperClient
from lab.keeper.minds import Author
from lab.keeper.runs import StartOptions, end_run, refuse_while_going, start_run
from lab.keeper.watch import Gauge, Glimpse, glimpse, sparkline
from lab.operate.lab import Lab

STRIKE_SECONDS = 3.0
"""The strike comes so soon after the gate, or sooner where the proof says so."""
_LINE_EVERY = 5
_WIDTH = 40


def register(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add(group, "try", try_scenario, "run a scenario with everything revealed, as its author")
    parser.add_argument("slug")
    parser.add_argument("--play", default=None, metavar="NAME", help="take this play's steps; without it you act")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reveal", action="store_true", help="yes, show the answer")


def try_scenario(context: Context) -> Result:
    """Watch one run to its end; with a play, the exit code is that of its verdict."""
    args, lab = context.args, context.lab()
    loaded = find(lab.around.scenarios_root, args.slug)
    if not args.reveal:
        raise SettingsError(
            "This shows the answer",
            f"`lab try` tells what is wrong in {loaded.slug} while it happens.",
            f"Say so: lab try {loaded.slug} --reveal. To solve it instead: lab incident start {loaded.slug}.",
        )
    if args.play is not None and args.play not in loaded.proof.plays:
        plays = ", ".join(loaded.proof.plays)
        raise SettingsError("No such play", f"{loaded.slug} has no play `{args.play}`.", f"Use one of: {plays}.")
    screen = _Screen(Console(stderr=True, highlight=False), loaded)
    lab.up(lambda line: screen.line(f"  {line}"), context.stop)
    refuse_while_going(lab)
    strike = min(STRIKE_SECONDS, loaded.proof.strike_seconds)
    try:
        client = start_run(lab, loaded, StartOptions(seed=args.seed, mode="watch", strike_seconds=strike))
        screen.line(_answer(loaded))
        with screen.shown():
            report = _watched(lab, client, loaded, args.play, screen, context.stop)
    finally:
        end_run(lab, "the author left")
    return _result(loaded, args.play, screen, report)


def _watched(
    lab: Lab, client: KeeperClient, loaded: LoadedScenario, play: str | None, screen: _Screen, stop: Event
) -> Report | None:
    """Look once a second until the run, or the play in it, is over; the report of a play."""
    player = None if play is None else _Player(lab, client, loaded, play, stop)
    if player is not None:
        player.start()
    while True:
        screen.take(client, lab.around.now(), () if player is None else player.said())
        if player is not None and not player.is_alive():
            return player.outcome()
        phase = None if screen.last is None else screen.last.state.phase
        if player is None and phase not in (None, "preparing", "on_call"):
            screen.line(f"The run is {phase}: {screen.last.state.reason if screen.last else ''}")
            return None
        if stop.wait(1.0):
            raise KeyboardInterrupt


class _Player(Thread):
    """Takes a play beside the watching; its words and its end are asked for."""

    def __init__(self, lab: Lab, client: KeeperClient, loaded: LoadedScenario, play: str, stop: Event) -> None:
        super().__init__(name="player", daemon=True)
        self._words: SimpleQueue[str] = SimpleQueue()
        self._pilot = Autopilot(lab, client, loaded, Author(loaded, client.files), play, self._words.put, stop)
        self._report: Report | None = None
        self._error: LabError | None = None

    def run(self) -> None:
        try:
            self._report = self._pilot.run()
        except LabError as error:
            self._error = error

    def said(self) -> Iterator[str]:
        """What it said since the last time."""
        while True:
            try:
                yield self._words.get_nowait()
            except Empty:
                return

    def outcome(self) -> Report:
        """The report; raises what the play ended with instead."""
        if self._error is not None:
            raise self._error
        if self._report is None:
            raise RunVoid("No grade", "the play ended without one.", "See `lab incident list`.")
        return self._report


@dataclass
class _Screen:
    """Events as lines that stay, and the figures below them on a terminal, else every few seconds as lines."""

    console: Console
    loaded: LoadedScenario
    last: Glimpse | None = None
    _seen: int = 0
    _looks: int = 0
    _live: Live | None = field(default=None)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the figures on the terminal meanwhile."""
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, transient=True, auto_refresh=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def line(self, text: str) -> None:
        """One line that stays."""
        self.console.print(Text(text), soft_wrap=True)

    def take(self, client: KeeperClient, now: float, words: Iterator[str] | tuple[str, ...]) -> None:
        """Look at the run once."""
        scenario, files = self.loaded.scenario, client.files
        events, samples = files.journal.read(), files.samples()
        self.last = glimpse(scenario, events, samples, now)
        facts = RunFacts(scenario, self.last.state, samples)
        zero = self.last.state.gate_at
        for event in events[self._seen :]:
            text = told(event, facts)
            if text is not None:
                self.line(f"{'' if zero is None else f'{event.at - zero:+6.0f} s'}  {text}")
        self._seen = len(events)
        for text in words:
            self.line(f"          {text}")
        rows = [_row(gauge, self.last) for gauge in _gauges(self.last)]
        if self._live is not None:
            self._live.update(Group(*(Text(row, no_wrap=True) for row in rows)), refresh=True)
        elif self._looks % _LINE_EVERY == 0 and self.last.since_gate is not None:
            for row in rows:
                self.line(row)
        self._looks += 1


def _gauges(look: Glimpse) -> Iterator[Gauge]:
    if look.bites is not None and look.state.onset_at is None:
        yield look.bites
    yield from look.objectives


def _row(gauge: Gauge, look: Glimpse) -> str:
    value = "no data" if gauge.value is None else f"{gauge.value:.4g}"
    margin = "" if gauge.margin is None else f"margin {gauge.margin:+.3g}"
    held = f"held {gauge.held:3.0f} of {gauge.hold:.0f} s" if gauge.hold else "not yet" if look.state.gate_at else ""
    return f"  {gauge.name:<16} {value:>9} must {gauge.must!s:<8} {margin:<15} {held:<17} {sparkline(gauge, _WIDTH)}"


def _answer(loaded: LoadedScenario) -> str:
    scenario, truth = loaded.scenario, loaded.scenario.truth
    lines = [f"{scenario.title}", f"  cause      {truth.root_cause} in {truth.component or 'nothing'}"]
    if truth.change is not None:
        event = scenario.events[truth.change.event]
        lines.append(f"  change     event {truth.change.event}, {event.at}")
    if scenario.bites is not None:
        within = format_duration(scenario.bites.within)
        lines.append(f"  bites      {scenario.bites.promql} {scenario.bites.must}, within {within}")
    lines.append(f"  visible    {scenario.visible or 'no alert'}")
    lines.append(f"  evidence   {', '.join(truth.evidence)}")
    lines.append(f"  plays      {', '.join(loaded.proof.plays)}")
    return "\n".join(lines)


def _result(loaded: LoadedScenario, play: str | None, screen: _Screen, report: Report | None) -> Result:
    look = screen.last
    summary = "" if look is None else _summary(look)
    body: dict[str, Any] = {
        "scenario": loaded.slug, "play": play,
        "onset_after": None if look is None else look.onset_after,
        "visible_after": None if look is None else look.visible_after,
        "objectives": [] if look is None else [_gauge_json(gauge) for gauge in look.objectives],
        "verdict": None, "failed": [],
    }  # fmt: skip
    if report is None:
        return Result(summary, body, OK)
    graded = report_result(report)
    body |= {"verdict": report.verdict, "failed": list(report.failed)}
    return Result(f"{graded.text}\n{summary}", body, graded.code)


def _summary(look: Glimpse) -> str:
    onset = "it never bit" if look.onset_after is None else f"it bit {look.onset_after:.0f} s after the last change"
    alert = "no alert told" if look.visible_after is None else f"the alert came {look.visible_after:.0f} s later"
    margins = _margins(look.objectives)
    return f"{onset}, {alert}; least margins since the gate: {margins}"


def _margins(gauges: Sequence[Gauge]) -> str:
    return ", ".join(f"{one.name} {'unmeasured' if one.worst is None else f'{one.worst:+.3g}'}" for one in gauges)


def _gauge_json(gauge: Gauge) -> dict[str, Any]:
    return {
        "name": gauge.name, "must": str(gauge.must), "value": gauge.value, "margin": gauge.margin,
        "worst_margin": gauge.worst, "held": gauge.held, "hold": gauge.hold,
    }  # fmt: skip
