"""The lab as the UI sees it, for real: one lab, its keeper, its Prometheus."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Lock

from lab.content.causes import load_causes
from lab.content.loader import find, load_library
from lab.content.model import COMPONENTS
from lab.content.values import reflowed
from lab.errors import LabError, Problem, RunError
from lab.grading.note import lint
from lab.grading.report import Report
from lab.incident.events import Mode
from lab.keeper.client import KeeperClient
from lab.keeper.files import RunFiles
from lab.keeper.public import debrief_of
from lab.keeper.runs import StartOptions, client_of, current_run, require_run, start_run, stored_view, views
from lab.keeper.view import AlertView, RunView
from lab.operate.complete import completions
from lab.operate.console import find_verb, run_line
from lab.operate.lab import Lab, require_up
from lab.telemetry.prometheus import TelemetryError
from lab.tui.backend import CauseChoice, ConsoleResult, PlotData, Say, ScenarioCard, StackStatus

_PLOTS = {
    "good_share": "job:good_requests:share15s",
    "latency_p50": "feed:request_duration_seconds:p50_15s",
    "latency_p99": "feed:request_duration_seconds:p99_15s",
    "offered": "job:offered_requests:rate15s",
    "live_brier": "model_live_brier",
    "labelled_share": "model_live_labelled_share",
}
_GOOD_SHARE_BOUND = 0.98
_LATENCY_BOUND_SECONDS = 0.5
_MOST_POINTS = 240


class LiveBackend:
    """`lab.tui.backend.Backend` on a lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._lock = Lock()
        self._client: KeeperClient | None = None
        self._run: RunFiles | None = None

    def status(self) -> StackStatus:
        """Where the stack is and whether it runs."""
        lab = self._lab
        files = current_run(lab)
        urls = tuple(sorted(lab.urls().items()))
        return StackStatus(lab.provisioner.engine, lab.is_up(), urls, None if files is None else files.run_id)

    def scenarios(self) -> tuple[ScenarioCard, ...]:
        """Every scenario that can be read."""
        best: dict[str, float] = {}
        for view in views(self._lab):
            if view.report is not None:
                score = (view.report.operated + view.report.explained) / 2
                best[view.scenario] = max(score, best.get(view.scenario, 0.0))
        return tuple(
            ScenarioCard(
                one.slug,
                one.scenario.title,
                one.scenario.level,
                one.scenario.minutes,
                best.get(one.slug),
                reflowed(one.scenario.briefing),
            )
            for one in load_library(self._lab.around.scenarios_root)
        )

    def up(self, say: Say) -> None:
        """Bring the stack up."""
        self._lab.up(say, Event())

    def start(self, slug: str, seed: int | None, mode: Mode, say: Say) -> None:
        """Start a run, the stack first if need be."""
        loaded = find(self._lab.around.scenarios_root, slug)
        self._lab.up(say, Event())
        say("starting the run")
        client = start_run(self._lab, loaded, StartOptions(seed=seed, mode=mode))
        with self._lock:
            self._client, self._run = client, client.files

    def view(self) -> RunView | None:
        """The run that goes on, from its keeper; else the last one, from its files."""
        files = current_run(self._lab)
        if files is not None:
            return self._of(files).view()
        return next(views(self._lab), None)

    def alerts(self) -> tuple[AlertView, ...]:
        """Alerts of Prometheus."""
        try:
            found = self._lab.prometheus.alerts()
        except LabError:
            return ()
        return tuple(
            AlertView(
                name=alert.name,
                state=alert.state,
                since=alert.since,
                summary=alert.annotations.get("summary", ""),
                runbook=alert.annotations.get("runbook", ""),
            )
            for alert in found
        )

    def plots(self, seconds: int) -> dict[str, PlotData]:
        """The last seconds of each plot's series; one that cannot be had is left out."""
        now = self._lab.around.now()
        step = max(1.0, seconds / _MOST_POINTS)
        start = now - seconds
        bounds = {"good_share": _GOOD_SHARE_BOUND, "latency_p99": _LATENCY_BOUND_SECONDS}
        plots: dict[str, PlotData] = {}
        for name, promql in _PLOTS.items():
            try:
                series = self._lab.prometheus.range(promql, start, now, step)
            except (TelemetryError, LabError):
                continue
            points = series[0].points if series else ()
            plots[name] = PlotData(
                tuple((at, None if value != value else value) for at, value in points), bounds.get(name)
            )
        return plots

    def console(self, line: str) -> ConsoleResult:
        """Run one verb; a wrong line is a result too."""
        try:
            require_up(self._lab)
            outcome = run_line(self._lab, line)
        except LabError as error:
            return ConsoleResult(f"{error.message}\n→ {error.next_step}", ok=False, changed=False)
        words = line.split()
        if words and words[0] == "query" and (files := current_run(self._lab)) is not None:
            self._of(files).tell_query(line.partition(" ")[2])
        verb = find_verb(words)
        return ConsoleResult(outcome.text, ok=True, changed=outcome.changed and (verb is None or verb.changes))

    def completions(self, line: str) -> tuple[str, ...]:
        """Words that fit at the end of the line."""
        return completions(self._lab, line)

    def causes(self) -> tuple[CauseChoice, ...]:
        """The whole vocabulary by title, so that its order says nothing."""
        known = load_causes()
        return tuple(
            CauseChoice(
                one.id, one.title, one.definition, "" if (family := known.parent_of(one.id)) is None else family.title
            )
            for one in sorted(known.pickable, key=lambda cause: cause.title)
        )

    def components(self) -> tuple[str, ...]:
        """Components that a diagnosis may name."""
        return COMPONENTS

    def declare(self, severity: str, summary: str) -> RunView:
        """Declare an incident."""
        return require_run(self._lab).declare(severity, summary)

    def diagnose(self, cause: str, component: str, change: str | None) -> RunView:
        """Say what it is."""
        return require_run(self._lab).diagnose(cause, component, change)

    def hint(self) -> RunView:
        """Take the hint on offer."""
        return require_run(self._lab).hint()

    def resolve(self, nothing_wrong: bool, reason: str) -> RunView:
        """Ask for the end of the incident."""
        return require_run(self._lab).resolve(nothing_wrong=nothing_wrong, reason=reason)

    def give_up(self) -> RunView:
        """End on call without a fix."""
        return require_run(self._lab).give_up()

    def abort(self) -> None:
        """End the run unscored."""
        require_run(self._lab).abort()

    def note(self) -> str:
        """The note on disk."""
        return self._note_path().read_text()

    def save_note(self, text: str) -> tuple[Problem, ...]:
        """Write the note and say what its form lacks."""
        path = self._note_path()
        path.write_text(text)
        return tuple(lint(text, path.name))

    def submit_note(self, text: str) -> Report:
        """Hand the note in."""
        view = require_run(self._lab).submit(text)
        if view.report is None:
            raise RunError("No grade", "the run was not graded.", "See `lab incident list`.")
        return view.report

    def debrief(self) -> str:
        """The story of the last graded run."""
        view = next((one for one in views(self._lab) if one.phase == "graded"), None)
        if view is None:
            raise RunError("Nothing to look back on", "no run is graded yet.", "Finish one first.")
        return debrief_of(self._lab, view)

    def _of(self, files: RunFiles) -> KeeperClient:
        with self._lock:
            if self._client is None or self._run != files:
                self._client, self._run = client_of(self._lab, files), files
            return self._client

    def _note_path(self) -> Path:
        files = current_run(self._lab)
        path = None if files is None else stored_view(self._lab, files).note_path
        if path is None:
            raise RunError("No note yet", "the note comes after the incident.", "Resolve the incident first.")
        return Path(path)
