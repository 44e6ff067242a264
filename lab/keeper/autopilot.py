"""Plays a run by itself as an on-call person would, and tells the story as it happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event

from lab.content.loader import LoadedScenario
from lab.content.model import NothingWrong, Play, Step
from lab.errors import ClusterTimeout, LabError, RunVoid, SettingsError
from lab.grading.report import Report
from lab.grading.severity import severity_of
from lab.incident.events import ChangeApplied
from lab.incident.objectives import longest_hold
from lab.keeper.client import KeeperClient
from lab.keeper.indicators import most_broken
from lab.keeper.memo import Memo
from lab.keeper.minds import Mind, found_nothing
from lab.keeper.view import AlertView, ChangeView, RunView
from lab.operate import steps
from lab.operate.lab import Lab

Say = Callable[[str], None]

_POLL_SECONDS = 0.5
_ALERT_PATIENCE_SECONDS = 240.0
_RESOLVE_EVERY_SECONDS = 5.0
_PASS_PATIENCE_SECONDS = 240.0


@dataclass
class Autopilot:
    """One run, played through one play of the scenario's proof."""

    lab: Lab
    client: KeeperClient
    loaded: LoadedScenario
    mind: Mind
    play_name: str
    say: Say
    stop: Event
    memo: Memo = field(default_factory=Memo)

    def run(self) -> Report:
        """From the gate to the grade; raises RunVoid when the lab failed."""
        play = self._play()
        view = self._await_phase("on_call", 180.0)
        self.say(f"On call: {self.loaded.scenario.title}")
        self.say(view.briefing)
        alert = self._await_sign()
        if alert is not None and self.mind.declares():
            self._declare(alert)
        self._diagnose()
        self._act(play)
        self._finish(play)
        view = self._await_phase("writing", 30.0)
        return self._write(view)

    def _play(self) -> Play:
        plays = self.loaded.proof.plays
        if self.play_name not in plays:
            raise SettingsError(
                "No such play",
                f"{self.loaded.slug} has no play {self.play_name!r}.",
                f"Use one of: {', '.join(plays)}.",
            )
        return plays[self.play_name]

    def _await_phase(self, phase: str, patience_seconds: float) -> RunView:
        end = self.lab.around.now() + patience_seconds
        while True:
            view = self.client.view()
            if view.phase == phase:
                return view
            if view.phase in ("void", "prevented", "aborted"):
                raise RunVoid(
                    f"The run is {view.phase}", view.phase_reason, "Play it again; nothing is held against anyone."
                )
            if self.lab.around.now() > end or self.stop.wait(_POLL_SECONDS):
                raise ClusterTimeout("The run did not go on", f"still {view.phase}.", "See `lab status`.")

    def _await_sign(self) -> AlertView | None:
        """The alert to act on; None where none is to be expected any more, and the scenario promises none."""
        self.say("Watching the pager.")
        end = self.lab.around.now() + _ALERT_PATIENCE_SECONDS
        while self.lab.around.now() < end and not self.stop.wait(_POLL_SECONDS):
            view = self.client.view()
            if view.phase != "on_call":
                self._await_phase("on_call", 1.0)
            alert = self.mind.sign(self._firing())
            if alert is not None:
                self.say(f"{alert.name} fires: {alert.summary}")
                self.memo.alert_at, self.memo.alert = self.lab.around.now(), alert.name
                return alert
            if self.mind.is_calm(view, self.lab.around.now()):
                self.say("Nothing fires that calls for anybody.")
                return None
        raise RunVoid("Nothing fired", "no alert fired in time.", "Play it again; see `lab status`.")

    def _firing(self) -> list[AlertView]:
        try:
            alerts = self.lab.prometheus.alerts()
        except LabError:
            return []
        return [
            AlertView(
                name=a.name,
                state=a.state,
                since=a.since,
                summary=a.annotations.get("summary", ""),
                severity=a.labels.get("severity", "page"),
            )
            for a in alerts
            if a.state == "firing"
        ]

    def _declare(self, alert: AlertView) -> None:
        broken = most_broken(self.lab.prometheus)
        self.memo.severity = severity_of(broken.share)
        self.client.declare(self.memo.severity, alert.summary)
        self.memo.declared_at = self.lab.around.now()
        self.say(f"Declared {self.memo.severity}: {100 * broken.share:.0f} % of requests {broken.indicator.broken}.")

    def _diagnose(self) -> None:
        self.stop.wait(self.mind.settle_seconds)
        self.memo.changes = self._team_changes()
        finding = self.mind.conclude(self.memo, self.lab)
        for reason in finding.because:
            self.say(f"  seen: {reason}")
        change = finding.change
        self.client.diagnose(finding.cause, finding.component, None if change is None else change.id)
        what = "no change" if change is None else f"{change.id} by {change.who}, {change.what}"
        self.say(f"Diagnosis: {finding.cause} in {finding.component} ({what}).")
        self.memo.finding = finding

    def _team_changes(self) -> tuple[ChangeView, ...]:
        return tuple(change for change in self.client.view().changes if change.who != "you")

    def _act(self, play: Play) -> None:
        commits = self._commits()
        if not play.steps:
            self.say("Doing nothing, as this play wants.")
        for step in play.steps:
            for line in steps.command_lines(step, commits):
                self.say(f"$ {line}")
                self.memo.actions.append((self.lab.around.now(), line))
            self._take(step, commits)
        self.memo.acted_at = self.lab.around.now()

    def _take(self, step: Step, commits: Mapping[int, str]) -> None:
        if isinstance(step, NothingWrong):
            self._claim(step.nothing_wrong.reason)
            return
        for outcome in steps.take(self.lab, step, commits):
            self.say("  " + outcome.text.replace("\n", "\n  "))

    def _claim(self, reason: str) -> None:
        """Say that nothing is wrong, which ends being on call."""
        self.client.resolve(nothing_wrong=True, reason=reason)
        self.say("Said that nothing is wrong.")

    def _commits(self) -> Mapping[int, str]:
        """Commits by event, as the journal has them; the play names events, a person would pick the commit."""
        return {
            event.event: event.commit for event in self.client.files.journal.read() if isinstance(event, ChangeApplied)
        }

    def _finish(self, play: Play) -> None:
        if self.client.view().phase == "on_call":
            if found_nothing(self.memo.finding) and not self.memo.declared_at:
                self._hold_fire(play)
            else:
                self._ask_until_over(play)

    def _hold_fire(self, play: Play) -> None:
        """Watch for as long as an objective has to hold, or as a wrong act is given to show, and say so."""
        patience = self.loaded.proof.give_up if play.verdict == "fail" else longest_hold(self.loaded.scenario)
        if self.stop.wait(patience):
            raise _interrupted()
        finding = self.memo.finding
        looked = "" if finding is None else "; ".join(finding.because)
        if self.client.view().phase == "on_call":
            self._claim(looked)

    def _ask_until_over(self, play: Play) -> None:
        """Ask for the end again and again, as long as the play is given."""
        give_up = self.loaded.proof.give_up if play.verdict == "fail" else _PASS_PATIENCE_SECONDS
        end = self.memo.acted_at + give_up
        told = ""
        while self.lab.around.now() < end:
            if self.stop.wait(_RESOLVE_EVERY_SECONDS):
                raise _interrupted()
            view = self.client.view()
            if view.phase != "on_call":
                break
            if view.declaration is None:
                self.client.declare(self.memo.severity, "still bad")
            view = self.client.resolve()
            if view.phase == "writing":
                self.memo.resolved_at = self.lab.around.now()
                self.say("Resolve accepted: every objective has held.")
                return
            if view.declaration is None and found_nothing(self.memo.finding):
                self._claim("; ".join(view.refused))
                return
            reason = "; ".join(view.refused)
            if reason and reason != told:
                self.say(f"Not yet: {reason}")
                told = reason
        if self.client.view().phase == "on_call":
            self.client.give_up()
            self.say("Giving up: the objectives did not come back in time.")

    def _write(self, view: RunView) -> Report:
        view = self.client.submit(self.mind.note(self.memo, view, self.lab))
        if view.report is None:
            raise RunVoid("No grade", "the run was not graded.", "See `lab incident list`.")
        self.say("The note is handed in.")
        return view.report


def _interrupted() -> RunVoid:
    return RunVoid("Stopped", "the demo was interrupted.", "Run it again.")
