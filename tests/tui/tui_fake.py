"""
A backend that plays one run by the clock: quiet, then a breach, mended by `rollout undo deployment/model-server`.

By hand: `python -m tests.tui.tui_fake [--up] [--phase on_call|writing|graded] [--slow]` in the root of the repository.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lab.errors import LabError, Problem, RunError
from lab.grading.report import Report
from lab.incident.events import Mode, Phase
from lab.keeper.view import AlertView, ChangeView, DeclarationView, DiagnosisView, HintView, RunView
from lab.tui.app import LabApp, editor_of
from lab.tui.backend import CauseChoice, ConsoleResult, PlotData, Say, ScenarioCard, StackStatus

sys.path.insert(0, str(Path(__file__).parent))
import tui_story as story

UNDO = "rollout undo deployment/model-server"
VERBS = ("apply", "events", "get", "git", "help", "logs", "query", "rollout", "scale", "set", "silence")
STEPS = (
    "Checking this machine",
    "Starting the cluster",
    "Applying 12 manifests",
    "Waiting until 7 pods are ready",
    "Handing the run to its keeper",
)


class FakeBackend:
    """Thread-safe; `calls` lists the methods called with their arguments; `failures` makes methods raise."""

    def __init__(self, clock: Callable[[], float] = time.time, folder: Path | None = None, step: float = 0.0) -> None:
        self.clock = clock
        self.calls: list[tuple[object, ...]] = []
        self.failures: dict[str, Exception] = {}
        self.gates: dict[str, threading.Event] = {}
        """Methods named here block until their event is set."""
        self.is_up = False
        self.run: RunView | None = None
        self.mended: float | None = None
        self.onset = 0.0
        self._note = story.NOTE
        self._folder = folder
        self._step = step

    def _enter(self, name: str, *arguments: object) -> None:
        self.calls.append((name, *arguments))
        if (gate := self.gates.get(name)) is not None:
            gate.wait(3600)
        if (failure := self.failures.get(name)) is not None:
            raise failure

    def called(self, name: str) -> list[tuple[object, ...]]:
        """Arguments of the calls of one method."""
        return [call[1:] for call in self.calls if call[0] == name]

    def begin(self, phase: Phase = "on_call", since: float = 150.0) -> RunView:
        """Put a run there that has been on call for `since` seconds; its fault bit at 45 s."""
        self.is_up = True
        began = self.clock() - since
        self.onset = began + 45
        self.run = RunView(
            run_id="r-7f3a",
            scenario="hangs-now-and-then",
            title=story.TITLE,
            briefing=story.BRIEFING,
            level=1,
            mode="graded",
            phase=phase,
            phase_reason="",
            started=began - 12,
            on_call_since=began,
            on_call_ends=began + 720,
            declaration=None,
            diagnosis=None,
            hints=HintView(next_cost=3, taken=()),
            refused=(),
            changes=(),
            note_path=str((self._folder or Path(tempfile.gettempdir())) / "note.md"),
            report=story.report() if phase == "graded" else None,
        )
        return self.run

    def _changed(self, **fields: object) -> RunView:
        self.run = self._live().model_copy(update=fields)
        return self._view_now(self.run)

    def _live(self) -> RunView:
        if self.run is None:
            raise RunError("No run", "Nothing is going on here.", "Start an incident first.")
        return self.run

    def _view_now(self, run: RunView) -> RunView:
        began = run.on_call_since or run.started
        feed = ChangeView(
            id="a41c9e2", at=began - 25, who="tom", component="feed",
            what="image 2.3.1 -> 2.3.2", message="Log fewer lines",
        )  # fmt: skip
        server = ChangeView(
            id="3fa2b1c", at=began + 35, who="priya", component="model-server",
            what="image 2.3.1 -> 2.4.0", message="Stricter input checks",
        )  # fmt: skip
        changes = [change for change in (feed, server) if change.at <= self.clock()]
        if self.mended is not None:
            changes.append(
                ChangeView(id="live-1", at=self.mended, who="you", component="model-server",
                           what="image 2.4.0 -> 2.3.1", message="")
            )  # fmt: skip
        return run.model_copy(update={"changes": tuple(changes)})

    def status(self) -> StackStatus:
        self._enter("status")
        urls = (("prometheus", "http://127.0.0.1:9090"), ("gateway", "http://127.0.0.1:8600")) if self.is_up else ()
        return StackStatus("embedded", self.is_up, urls, self.run.run_id if self.run else None)

    def scenarios(self) -> tuple[ScenarioCard, ...]:
        self._enter("scenarios")
        return story.SCENARIOS

    def up(self, say: Say) -> None:
        self._enter("up")
        for text in STEPS[:4]:
            say(text)
            self._pause()
        self.is_up = True

    def start(self, slug: str, seed: int | None, mode: Mode, say: Say) -> None:
        self._enter("start", slug, seed, mode)
        for text in STEPS:
            say(text)
            self._pause()
        self.begin(since=0.0)

    def _pause(self) -> None:
        threading.Event().wait(self._step)

    def view(self) -> RunView | None:
        self._enter("view")
        return None if self.run is None else self._view_now(self.run)

    def alerts(self) -> tuple[AlertView, ...]:
        self._enter("alerts")
        now = self.clock()
        if self.run is None or story.bite(now, self.onset, self.mended) < 0.4:
            return ()
        since = self.onset + 9
        summary = "Less than 97 % of planned requests are good"
        return (
            AlertView(name="GoodShareBurn", state="firing", since=since, summary=summary, runbook="runbooks/slow.md"),
            AlertView(name="TailLatency", state="pending", since=since + 20, summary=""),
        )

    def plots(self, seconds: int) -> dict[str, PlotData]:
        self._enter("plots", seconds)
        run = self._live()
        return story.series(self.clock(), seconds, run.on_call_since or run.started, self.onset, self.mended)

    def console(self, line: str) -> ConsoleResult:
        self._enter("console", line)
        match line.split():
            case ["help"]:
                return ConsoleResult("verbs: " + ", ".join(VERBS), ok=True, changed=False)
            case ["get", "pods"]:
                return ConsoleResult(_PODS, ok=True, changed=False)
            case ["rollout", "undo", "deployment/model-server"]:
                self.mended = self.clock()
                return ConsoleResult("deployment.apps/model-server rolled back", ok=True, changed=True)
            case ["git", "log", *_]:
                return ConsoleResult(
                    "3fa2b1c Stricter input checks (priya)\na41c9e2 Log fewer lines (tom)", True, False
                )
            case _:
                return ConsoleResult(f"no verb {line.split()[0]!r}; there are: {', '.join(VERBS)}", False, False)

    def completions(self, line: str) -> tuple[str, ...]:
        self._enter("completions", line)
        if line.startswith("rollout undo "):
            names: tuple[str, ...] = tuple(f"deployment/{name}" for name in story.COMPONENTS)
        else:
            names = ("undo", "status", "history") if line.startswith("rollout ") else VERBS
        return tuple(name for name in names if name.startswith(line.rpartition(" ")[2]))

    def causes(self) -> tuple[CauseChoice, ...]:
        self._enter("causes")
        return story.CAUSES

    def components(self) -> tuple[str, ...]:
        self._enter("components")
        return story.COMPONENTS

    def declare(self, severity: str, summary: str) -> RunView:
        self._enter("declare", severity, summary)
        return self._changed(declaration=DeclarationView(at=self.clock(), severity=severity, summary=summary))

    def diagnose(self, cause: str, component: str, change: str | None) -> RunView:
        self._enter("diagnose", cause, component, change)
        given = DiagnosisView(at=self.clock(), cause=cause, component=component, change=change)
        return self._changed(diagnosis=given)

    def hint(self) -> RunView:
        self._enter("hint")
        taken = ("Half of all requests are fine. Look at the other end.",)
        return self._changed(hints=HintView(next_cost=None, taken=taken))

    def resolve(self, nothing_wrong: bool, reason: str) -> RunView:
        self._enter("resolve", nothing_wrong, reason)
        if not nothing_wrong and (self.mended is None or self.clock() - self.mended < 20):
            return self._changed(refused=("good_share: 93.1 %, must be > 98 % for 20 s",))
        return self._changed(phase="writing", phase_reason="Resolved: every objective held.", refused=())

    def give_up(self) -> RunView:
        self._enter("give_up")
        return self._changed(phase="writing", phase_reason="ended without a fix", refused=())

    def abort(self) -> None:
        self._enter("abort")
        self._changed(phase="aborted")

    def note(self) -> str:
        self._enter("note")
        path = self._folder / "note.md" if self._folder is not None else None
        return path.read_text() if path is not None and path.exists() else self._note

    def save_note(self, text: str) -> tuple[Problem, ...]:
        self._enter("save_note", text)
        self._note = text
        if self._folder is not None and self.run is not None and self.run.note_path is not None:
            Path(self.run.note_path).write_text(text)
        fields = enumerate(text.splitlines(), 1)
        return tuple(
            Problem("note.md", number, line.rstrip(":"), "nothing is filled in", f"Write the {line.rstrip(':')} here.")
            for number, line in fields
            if line.endswith(":")
        )

    def submit_note(self, text: str) -> Report:
        self._enter("submit_note", text)
        report = story.report()
        self._changed(phase="graded", report=report)
        return report

    def debrief(self) -> str:
        self._enter("debrief")
        return story.DEBRIEF


_PODS = """\
NAME                           READY   STATUS    RESTARTS   AGE
feed-5c9d7c6f4b-x2k8p          1/1     Running   0          4m
gateway-7d8f9b6c5-lq7zr        1/1     Running   0          4m
model-server-6b7c8d9f5-2vxnm   1/1     Running   0          51s
model-server-6b7c8d9f5-9dkqt   1/1     Running   0          48s
monitor-58f6d7b9c-rt5wz        1/1     Running   0          4m"""


def main() -> int:
    """Run the UI over the fake."""
    import os

    parser = argparse.ArgumentParser()
    parser.add_argument("--up", action="store_true")
    parser.add_argument("--phase", choices=("preparing", "on_call", "writing", "graded"))
    parser.add_argument("--since", type=float, default=30.0)
    parser.add_argument("--step", type=float, default=0.8)
    parser.add_argument("--broken", action="store_true", help="the lab stops answering")
    parser.add_argument("--stuck", action="store_true", help="calls for plots never come back")
    arguments = parser.parse_args()
    backend = FakeBackend(folder=Path(tempfile.mkdtemp()), step=arguments.step)
    backend.is_up = arguments.up
    if arguments.phase:
        backend.begin(arguments.phase, arguments.since)
    if arguments.stuck:
        backend.gates["plots"] = threading.Event()
    if arguments.broken:
        lost = LabError("The keeper does not answer", "No reply within 2 s.", "`lab status` says how it is.")
        backend.failures = {"plots": lost, "declare": lost}
    return LabApp(backend, editor=editor_of(os.environ)).run() or 0


if __name__ == "__main__":
    sys.exit(main())
