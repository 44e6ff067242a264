"""The keeper's loop: gate, injection, record and the phases; one tick a second until the run is over."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lab.content.loader import LoadedScenario
from lab.content.model import DeployEvent
from lab.errors import LabError
from lab.incident.events import (
    AlertCleared,
    AlertFired,
    ChangeObserved,
    GatePassed,
    OnsetObserved,
    PhaseEntered,
    RecordGap,
    RunEvent,
)
from lab.incident.record import Samples
from lab.incident.state import RunState, fold
from lab.keeper.files import RunConstants, RunFiles
from lab.keeper.gate import Gate
from lab.keeper.inject import deploy, load_releases, set_up, written_by
from lab.keeper.notes import write_template
from lab.keeper.objects import differences
from lab.keeper.plan import plan, planned_rps
from lab.keeper.pods import Pods, deleted_by_hand, look_at_pods
from lab.keeper.registry import Seen, look, versions_intact
from lab.keeper.sampler import SERVING, Sampler, Tick
from lab.operate.lab import Lab

TICK_SECONDS = 1.0
HOLE_SECONDS = 5.0
"""A longer hole in the record, or silence of Prometheus that nobody caused, makes the run void."""
SILENCE_SECONDS = 15.0


class Keeper:
    """Owns one run. The lock guards events, samples and what is known of the stack."""

    def __init__(
        self, lab: Lab, files: RunFiles, loaded: LoadedScenario, now: Callable[[], float], stop: threading.Event
    ) -> None:
        self.lab = lab
        self.files = files
        self.loaded = loaded
        self.now = now
        self.stop = stop
        self.lock = threading.RLock()
        self.events: list[RunEvent] = []
        self.samples = Samples()
        self.constants: RunConstants | None = None
        self._known: dict[str, str] = {}
        self._pods = Pods()
        self._head = ""
        self._commits_intact: bool | None = None
        self._history_intact: bool | None = None
        self._sampler = Sampler(lab, loaded.scenario)
        self._gate = Gate(loaded.scenario)
        self._last_tick: float | None = None
        self._silent_since: float | None = None

    @property
    def state(self) -> RunState:
        """The run's state after all events so far."""
        return fold(self.events, self.loaded.scenario)

    def record(self, event: RunEvent) -> None:
        """Journal first, then count it as happened."""
        with self.lock:
            self.files.journal.append(event)
            self.events.append(event)

    def enter(self, phase: str, reason: str = "") -> None:
        """Move to another phase."""
        self.record(PhaseEntered.model_validate({"at": self.now(), "phase": phase, "reason": reason}))

    def load(self) -> None:
        """Take up what an earlier keeper of this run left."""
        self.events = list(self.files.journal.read())
        self.samples = self.files.samples()
        self.constants = self.files.constants()
        self._known = self.files.known() or {}
        self._head = self.lab.repo.head() if self.lab.repo.exists() else ""
        last = [series.at[-1] for series in self.samples.series.values() if series.at]
        if self.state.phase == "on_call":
            self._last_tick = max(last, default=None)
            load_releases(self.lab, self.loaded)

    def run(self) -> None:
        """Until the run is over or stop is set: prepare, then a tick a second."""
        try:
            if self.state.phase == "preparing":
                self._prepare()
            while not self.stop.is_set() and self.state.phase in ("preparing", "on_call", "writing"):
                started = self.now()
                if self.state.phase != "writing":
                    self._tick()
                self.stop.wait(max(0.05, TICK_SECONDS - (self.now() - started)))
        except LabError as error:
            if self.state.phase in ("preparing", "on_call"):
                self.enter("void", f"{error.title}: {error.message}")

    def _prepare(self) -> None:
        if not self.lab.is_pristine():
            self.lab.reset(lambda _: None, self.stop)
        load_releases(self.lab, self.loaded)
        set_up(self.lab, self.loaded.scenario, self.stop)
        with self.lock:
            self._look_at_objects()

    def _tick(self) -> None:
        now = self.now()
        with self.lock:
            state = self.state
            if self._hole(now, state):
                return
            self._observe_changes(now, state)
            after_gate = 0.0 if state.gate_at is None else now - state.gate_at
            planned = planned_rps(self.loaded.scenario, after_gate)
        tick = self._sampler.tick(now, planned, self.constants, self._history_intact)
        with self.lock:
            self._last_tick = now
            self.samples.append(now, tick.values)
            self.files.append_samples(now, tick.values)
            self._alerts(now, tick)
            state = self.state
            if state.phase == "preparing":
                self._try_gate(now)
            elif state.phase == "on_call":
                self._silence(now, tick, state)
                self._onset(now, tick, state)
                self._inject_due(now)
                self._time_up(now)

    def _hole(self, now: float, state: RunState) -> bool:
        """Void a run whose record the lab itself tore; returns whether it did."""
        last = self._last_tick
        if state.phase != "on_call" or last is None or now - last <= HOLE_SECONDS:
            return False
        seconds = now - last
        self.record(RecordGap(at=now, seconds=seconds, reason="the keeper did not run"))
        self.enter("void", f"the record has a hole of {seconds:.0f} s that the lab caused")
        return True

    def _silence(self, now: float, tick: Tick, state: RunState) -> None:
        """Prometheus not answering counts against nobody, unless the learner changed something before."""
        if tick.prometheus_answered:
            self._silent_since = None
            return
        self._silent_since = self._silent_since or now
        if now - self._silent_since > SILENCE_SECONDS and not state.learner_changes:
            self.record(RecordGap(at=now, seconds=now - self._silent_since, reason="Prometheus did not answer"))
            self.enter("void", "Prometheus did not answer, and nobody had changed anything")

    def _try_gate(self, now: float) -> None:
        verdict = self._gate.look(self.samples, now)
        if verdict.failed:
            self.enter("void", f"the stack did not reach its steady state: {verdict.failed}")
        elif verdict.passed:
            self._keep_constants()
            self.record(GatePassed(at=now, waited_seconds=verdict.waited_seconds))
            self.enter("on_call")

    def _keep_constants(self) -> None:
        setup = self.loaded.scenario.setup
        floors = self.lab.baseline_floors({} if setup is None else setup.scale)
        self.constants = RunConstants(
            scenario_yaml=self.loaded.scenario_yaml,
            baseline_tags={name: self.lab.repo.tag(name) for name in self.lab.repo.components()},
            floors={name: floors.get(name, 1) for name in SERVING},
            rules=self.lab.prometheus.rules(),
            commits=[commit.sha for commit in self.lab.repo.log(limit=200)],
            registered=self.lab.registered_models(),
            prometheus_version=self.lab.prometheus.version(),
            engine=self.lab.provisioner.engine,
            alert_labels=self.lab.prometheus.alert_labels(),
            routing=self._routing(),
        )
        self.files.write_constants(self.constants)

    def _routing(self) -> str:
        try:
            return self.lab.alertmanager.routing()
        except LabError:
            return ""

    def _inject_due(self, now: float) -> None:
        state = self.state
        if state.gate_at is None or state.started is None:
            return
        done = {change.event for change in state.applied}
        script = plan(self.loaded.scenario, state.started.strike_seconds, state.started.tag)
        for planned in script.deploys:
            if planned.index not in done and now >= state.gate_at + planned.after_gate:
                if not self._observe_changes(now, state):
                    return
                deploy(self.lab, planned, self.record, self.now)
                made_commit = isinstance(planned.event, DeployEvent)
                self._know_own(written_by(planned.event), self.state.applied[-1].commit if made_commit else self._head)
                if self.constants is not None:
                    self.constants.commits.append(self.lab.repo.head())
                    self.files.write_constants(self.constants)

    def _onset(self, now: float, tick: Tick, state: RunState) -> None:
        """The fault bites for the first time, or did not within its time."""
        scenario = self.loaded.scenario
        cause, bites = scenario.truth.change, scenario.bites
        if state.quiet or bites is None or cause is None or state.onset_at is not None:
            return
        struck = [change.at for change in state.applied if change.event == cause.event]
        value = tick.values.get("bites")
        if struck and value is not None and bites.must.holds(value):
            self.record(OnsetObserved(at=now, value=value))
        elif struck and now > max(struck) + bites.within:
            if any(change.at >= struck[0] - 1 for change in state.learner_changes):
                self.enter("prevented", "the fault never bit, because the target had been changed")
            else:
                self.enter("void", f"the fault did not bite within {bites.within:.0f} s")

    def _alerts(self, now: float, tick: Tick) -> None:
        if tick.firing is None:
            return
        before = self.state.firing
        for name in sorted(tick.firing - before):
            self.record(AlertFired(at=now, name=name))
        for name in sorted(before - tick.firing):
            self.record(AlertCleared(at=now, name=name))

    def _time_up(self, now: float) -> None:
        state = self.state
        if state.phase == "on_call" and state.on_call_ends is not None and now >= state.on_call_ends:
            self.enter("writing", "the time on call is over")
            write_template(self.files, self.loaded.scenario)

    def _observe_changes(self, now: float, state: RunState) -> bool:
        """Record what somebody other than the lab changed in cluster and repo; False if these cannot be seen now."""
        try:
            seen, pods, head = look(self.lab, self._known), look_at_pods(self.lab.cluster), self.lab.repo.head()
        except LabError:
            return False
        current = seen.objects
        if state.phase == "on_call":
            for kind, name, what in differences(self._known, current):
                self.record(ChangeObserved(at=now, kind=kind, name=name, what=what))
            for name in deleted_by_hand(self._pods, pods):
                self.record(ChangeObserved(at=now, kind="Pod", name=name, what="deleted"))
            if head != self._head:
                newest = self.lab.repo.log(limit=1)[0]
                self.record(ChangeObserved(at=now, kind="Commit", name=head, what=newest.subject))
        self._pods = pods
        if current != self._known:
            self._known = current
            self.files.write_known(current)
        if head != self._head or self._commits_intact is None:
            self._head = head
            commits = self.constants.commits if self.constants else []
            self._commits_intact = all(self.lab.repo.contains(sha) for sha in commits)
        self._history_intact = self._judge_history(seen)
        return True

    def _judge_history(self, seen: Seen) -> bool | None:
        """Whether commits and model versions are all there; None while the registry does not answer."""
        if not self._commits_intact:
            return self._commits_intact
        registered = self.constants.registered if self.constants else {}
        return versions_intact(seen.objects, registered) if seen.registry_answered else None

    def _know_own(self, key: str, commit: str) -> None:
        """Take one object and one commit for known that the lab wrote; what else changed meanwhile is still seen."""
        written = look(self.lab, self._known).objects.get(key)
        self._known = {**self._known} if written is None else {**self._known, key: written}
        self.files.write_known(self._known)
        self._head, self._commits_intact = commit, None

    def _look_at_objects(self) -> None:
        """Take the stack as it is for known."""
        self._known = look(self.lab, self._known).objects
        self.files.write_known(self._known)
        self._head = self.lab.repo.head()
        self._commits_intact = None
