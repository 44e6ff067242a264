"""What the record says of a run, in the terms that scores are given in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from lab.content.model import Scenario
from lab.incident.events import ChangeApplied, ChangeObserved
from lab.incident.gaps import component_of, values
from lab.incident.objectives import closing_time, mitigated_at
from lab.incident.record import Bundle, Samples
from lab.incident.state import RunState, fold

_CHANGE = re.compile(r"(?P<what>.+?) (?P<old>\S+) -> (?P<new>\S+)")


@dataclass(frozen=True)
class RunFacts:
    """One run as recorded; times are Unix seconds, None where the run has no such moment."""

    scenario: Scenario
    state: RunState
    samples: Samples

    @property
    def quiet(self) -> bool:
        """Whether nothing was wrong."""
        return self.state.quiet

    @cached_property
    def began_at(self) -> float:
        """When the learner went on call; the run's date is taken from it."""
        started = self.state.started.at if self.state.started is not None else None
        known = (self.state.on_call_since, self.state.gate_at, started)
        return next((at for at in known if at is not None), 0.0)

    @cached_property
    def ended_at(self) -> float:
        """When the judged part of the run ended."""
        return closing_time(self.state, self.samples)

    @property
    def onset_at(self) -> float | None:
        """When the fault first bit."""
        return self.state.onset_at

    @property
    def clock_starts(self) -> float | None:
        """From when detection and mitigation are timed: first-visible, or onset if the alert never fired."""
        return self.state.clock_starts

    @cached_property
    def detected_at(self) -> float | None:
        """
        When the learner called the incident: the first declaration at or after onset.

        One made before onset and never closed detected nothing; then the first diagnosis after onset counts, or else
        the accepted resolve.
        """
        if self.onset_at is None:
            return None
        onset = self.onset_at
        for one in self.state.declarations:
            if not one.false:
                return one.at
        if not any(one.closed_at is None for one in self.state.declarations):
            return None
        diagnosed = (one.at for one in self.state.diagnoses if one.at >= onset)
        return next(diagnosed, self.state.resolve_accepted_at)

    @cached_property
    def mitigated_at(self) -> float | None:
        """When the hold that ended the incident began."""
        if self.state.nothing_wrong is not None:
            return None
        return mitigated_at(self.scenario, self.samples, self.state)

    @property
    def resolved_at(self) -> float | None:
        """When the resolve was accepted."""
        return self.state.resolve_accepted_at

    @cached_property
    def seconds(self) -> float:
        """Length of the incident: from onset to the accepted resolve, or to the end of the run."""
        return 0.0 if self.onset_at is None else max(0.0, self.ended_at - self.onset_at)

    @cached_property
    def cause_change(self) -> ChangeApplied | None:
        """The teammate's change that is the cause, as it was applied."""
        ref = self.scenario.truth.change
        if ref is None:
            return None
        return next((change for change in self.state.applied if change.event == ref.event), None)

    @cached_property
    def good_versions(self) -> tuple[str, ...]:
        """Right versions of the true component: the one before the cause, and the one the learner put in force."""
        if self.cause_change is None:
            return ()
        found = [self.cause_change.previous_tag]
        for change in self.state.learner_changes:
            parts = change_parts(change)
            if component_of(change.name) == self.scenario.truth.component and parts and parts[0].endswith("image"):
                held = self.mitigated_at is not None and change.at <= self.mitigated_at
                tag = parts[2].rsplit(":", 1)[-1]
                if held and tag != self.cause_change.tag and tag not in found:
                    found.append(tag)
        return tuple(found)

    @cached_property
    def people(self) -> tuple[str, ...]:
        """First names of the teammates in this run."""
        names = [event.by for event in self.scenario.events] + [change.by for change in self.state.applied]
        return tuple(dict.fromkeys(name.lower() for name in names if name))

    @cached_property
    def bad_share(self) -> float | None:
        """Mean share of requests not served as promised, from onset to mitigation (or the end); None if unmeasured."""
        if self.onset_at is None:
            return None
        end = self.mitigated_at if self.mitigated_at is not None else self.ended_at
        shares = [share for _, share in values(self.samples.of(self._promise), self.onset_at, end)]
        return 1.0 - sum(shares) / len(shares) if shares else None

    @property
    def _promise(self) -> str:
        """Series of the share of requests that were served as promised."""
        impact = self.scenario.impact
        return "good_share" if impact is None else f"objective.{impact}"


def facts_of(bundle: Bundle, scenario: Scenario) -> RunFacts:
    """The facts of a bundle, given its parsed scenario."""
    return RunFacts(scenario, fold(bundle.events, scenario), bundle.samples)


def change_parts(change: ChangeObserved) -> tuple[str, str, str] | None:
    """Field, old and new value of a change written `image 2.4.0 -> 2.3.1`; None for one of another form."""
    match = _CHANGE.fullmatch(change.what)
    return (match["what"], match["old"], match["new"]) if match else None
