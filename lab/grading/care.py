"""Care: what the learner changed without need, how far it reached, and what help it took."""

from __future__ import annotations

from dataclasses import dataclass

from lab.grading.facts import RunFacts, change_parts
from lab.incident.events import ChangeObserved
from lab.incident.gaps import component_of

WRONG_CHANGE = 3.0
"""Points lost for each change that did not help."""
_FREE = ("Commit", "Pod")
"""Kinds whose changes cost no care: a commit alone changes nothing that runs, and a deleted pod comes back."""
INNOCENT_COMPONENT = 2.0
"""Points lost for each component touched beside the one that was mended."""


@dataclass(frozen=True, slots=True)
class Care:
    """What care was lacking."""

    wrong: tuple[ChangeObserved, ...]
    """Changes that were no part of what held."""
    innocent: tuple[str, ...]
    """Components touched beside the one that was mended."""
    hint_cost: int

    @property
    def lost(self) -> float:
        """Points to take off."""
        return len(self.wrong) * WRONG_CHANGE + len(self.innocent) * INNOCENT_COMPONENT + self.hint_cost


def care_of(facts: RunFacts) -> Care:
    """The lack of care in a run with a fault."""
    changes = [change for change in facts.state.learner_changes if change.kind not in _FREE]
    mended = mended_component(facts)
    undone, taken_back = _taken_back(changes)
    wrong = []
    for index, change in enumerate(changes):
        if component_of(change.name) != mended:
            if index not in taken_back:
                wrong.append(change)
        elif index in undone and _before_hold(facts, changes[undone[index]]):
            wrong.append(change)
    innocent = dict.fromkeys(name for change in changes if (name := component_of(change.name)) != mended)
    return Care(tuple(wrong), tuple(innocent), sum(hint.cost for hint in facts.state.hints))


def mended_component(facts: RunFacts) -> str:
    """
    The component whose change is counted as the fix.

    The one at fault if the learner changed it before the hold began, else the last one changed before then: any safe
    fix counts, wherever it was made. Without a hold, the one at fault.
    """
    truth = facts.scenario.truth.component or ""
    held = facts.mitigated_at
    if held is None:
        return truth
    before = [component_of(one.name) for one in facts.state.learner_changes if one.kind != "Commit" and one.at <= held]
    return truth if truth in before or not before else before[-1]


def _before_hold(facts: RunFacts, change: ChangeObserved) -> bool:
    return facts.mitigated_at is None or change.at <= facts.mitigated_at


def _taken_back(changes: list[ChangeObserved]) -> tuple[dict[int, int], set[int]]:
    """Index of each change that a later one exactly took back, to the index of the later; and the later ones."""
    undone: dict[int, int] = {}
    taken_back: set[int] = set()
    for later, change in enumerate(changes):
        parts = change_parts(change)
        if parts is None:
            continue
        for earlier in range(later - 1, -1, -1):
            other = changes[earlier]
            same = (other.kind, other.name) == (change.kind, change.name)
            if same and earlier not in undone and change_parts(other) == (parts[0], parts[2], parts[1]):
                undone[earlier] = later
                taken_back.add(later)
                break
    return undone, taken_back
