"""Who plays a run by itself: somebody on call, who has graphs and changes, or the author, who knows the scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lab.content.causes import NO_FAULT
from lab.content.loader import LoadedScenario
from lab.content.model import Scenario
from lab.grading.facts import RunFacts
from lab.grading.layout import Action, NoteFields, render
from lab.grading.moments import clock_text
from lab.grading.severity import severity_of
from lab.incident.events import ChangeApplied
from lab.incident.objectives import longest_hold
from lab.incident.state import RunState, fold
from lab.keeper.files import RunFiles
from lab.keeper.indicators import APPROVED, most_broken
from lab.keeper.investigate import REQUEST_PATH, Finding, before_changes, conclude, read
from lab.keeper.memo import Memo, write_note
from lab.keeper.prose import later_sections, quiet_note
from lab.keeper.versions import conclude_versions, look_at_versions
from lab.keeper.view import AlertView, ChangeView, RunView
from lab.operate.lab import Lab

CALM_SECONDS = 90.0
"""Who is on call and saw no alert for so long says that nothing is wrong, where the scenario promises none."""
LOOK_SECONDS = 15.0
"""A proof of a quiet scenario lets a window of every figure go by after the last event, and then the longest hold."""
WORTH_A_LOOK = 0.01
"""Share of requests beyond which a promise counts as broken."""


class Mind(Protocol):
    """What decides in an autopilot: when to act, what it is, and what the note says."""

    settle_seconds: float
    """How long to look after the sign before concluding."""

    def sign(self, firing: Sequence[AlertView]) -> AlertView | None:
        """The alert among those that fire which makes it act."""

    def is_calm(self, view: RunView, now: float) -> bool:
        """Whether it has looked long enough without a sign to say that there is none."""

    def declares(self) -> bool:
        """Whether a sign is reason enough to declare an incident."""

    def conclude(self, memo: Memo, lab: Lab) -> Finding:
        """What it is."""

    def note(self, memo: Memo, view: RunView, lab: Lab) -> str:
        """The note."""


class OnCall:
    """Reads alerts, quantiles, versions and the list of changes, and never the truth."""

    settle_seconds = 6.0

    def __init__(self, scenario: Scenario) -> None:
        self._promised = scenario.visible

    def sign(self, firing: Sequence[AlertView]) -> AlertView | None:
        """The first page; nobody gets up for a ticket."""
        return next((one for one in firing if one.severity == "page"), None)

    def is_calm(self, view: RunView, now: float) -> bool:
        return self._promised is None and now > (view.on_call_since or now) + CALM_SECONDS

    def declares(self) -> bool:
        return True

    def conclude(self, memo: Memo, lab: Lab) -> Finding:
        now = lab.around.now()
        at = memo.alert_at or now
        broken = most_broken(lab.prometheus)
        if broken.indicator is APPROVED and broken.share > WORTH_A_LOOK:
            return conclude_versions(look_at_versions(lab.prometheus), memo.changes, at)
        before = before_changes(memo.changes, at)
        readings = [read(lab.prometheus, name, before, now) for name in REQUEST_PATH]
        return conclude(readings, memo.changes, at)

    def note(self, memo: Memo, view: RunView, lab: Lab) -> str:
        return write_note(memo, view, lab)


class Author:
    """Knows the scenario and the record, so that a proof is about the play and not about finding out."""

    settle_seconds = 0.0

    def __init__(self, loaded: LoadedScenario, files: RunFiles) -> None:
        self._scenario = loaded.scenario
        self._look_seconds = LOOK_SECONDS + longest_hold(loaded.scenario)
        self._files = files

    def sign(self, firing: Sequence[AlertView]) -> AlertView | None:
        """The scenario's own alert, once the fault has begun."""
        if not self._state().quiet and self._state().onset_at is None:
            return None
        return next((one for one in firing if one.name == self._scenario.visible), None)

    def is_calm(self, view: RunView, now: float) -> bool:
        state = self._state()
        last = max((change.at for change in state.applied), default=state.strike_at or now)
        done = len({change.event for change in state.applied}) == len(self._scenario.events)
        return state.quiet and done and now > max(last, state.strike_at or now) + self._look_seconds

    def declares(self) -> bool:
        return not self._state().quiet

    def conclude(self, memo: Memo, lab: Lab) -> Finding:
        truth = self._scenario.truth
        cause = self._facts().cause_change
        change = next((one for one in memo.changes if cause is not None and one.id == cause.commit[:7]), None)
        because = f"the scenario says so; its evidence is {', '.join(truth.evidence)}"
        return Finding(truth.root_cause, truth.component or REQUEST_PATH[1], change, (because,))

    def note(self, memo: Memo, view: RunView, lab: Lab) -> str:
        facts = self._facts()
        if facts.quiet:
            return quiet_note(view.run_id, memo.alert, self._scenario.truth.evidence)
        return reference_note(facts, view, memo.changes, [line for _, line in memo.actions])

    def _state(self) -> RunState:
        return fold(self._files.journal.read(), self._scenario)

    def _facts(self) -> RunFacts:
        return RunFacts(self._scenario, self._state(), self._files.samples())


def reference_note(facts: RunFacts, view: RunView, changes: Sequence[ChangeView], done: Sequence[str]) -> str:
    """The note that the record itself would write of a run with a fault; `done` are the commands that were given."""
    truth, change = facts.scenario.truth, facts.cause_change
    component, share = truth.component or "", facts.bad_share or 0.0
    return render(
        NoteFields(
            incident=view.run_id,
            severity=severity_of(share),
            root_cause=truth.root_cause,
            component=component,
            change="none" if change is None else change.commit[:8],
            bad_version="" if change is None else change.tag,
            good_version="" if change is None else change.previous_tag,
            started=_clock(facts.onset_at),
            detected=_clock(facts.detected_at),
            mitigated=_clock(facts.mitigated_at),
            resolved=_clock(facts.resolved_at),
            actions=(
                Action(f"Compare {component} with its last good state first", "prevent", f"{component} team", "3 weeks",
                       truth.root_cause),
                Action(f"Alert on what {component} shows of it", "detect", "on-call lead", "2 weeks", truth.root_cause),
            ),
            sections={
                **later_sections(component, facts.scenario.visible or "", share, changes),
                **_first_sections(truth.root_cause, component, change, done),
            },
        )
    )  # fmt: skip


def _first_sections(cause: str, component: str, change: ChangeApplied | None, done: Sequence[str]) -> dict[str, str]:
    trigger = "No change came before it." if change is None else f"The trigger was {change.component} {change.tag}."
    return {
        "Summary": f"Callers of the risk score were served badly for a while; {component} was where it came from.",
        "Root cause and trigger": f"It was {cause} in {component}, shown by its own figures. {trigger}",
        "Mitigation": f"This was done: {'; '.join(done) or 'nothing'}. Whether it helped is told by the figures.",
        "Actions": f"The two above keep {cause} in {component} from reaching everybody, and show it sooner.",
    }


def _clock(at: float | None) -> str:
    return "" if at is None else clock_text(at)


def found_nothing(finding: Finding | None) -> bool:
    """Whether a finding says that nothing is wrong."""
    return finding is not None and finding.cause == NO_FAULT
