"""A teammate moves an alias: journaled before and after, done once, and shown like any other change."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lab.content.model import RegistryEvent
from lab.errors import LabError
from lab.incident.events import ChangeApplied, ChangeIntended
from lab.keeper.inject import deploy
from lab.keeper.objects import differences
from lab.keeper.plan import PlannedDeploy
from lab.keeper.public import changes_of
from lab.keeper.registry import look, versions_intact
from lab.telemetry.registry import Move, RegistryError, RegistryState

EVENT = RegistryEvent.model_validate(
    {"at": "strike", "registry": {"move": "champion", "to": "4", "by": "jonas", "message": "Newest flights"}}
)


class FakeRegistry:
    """A registry with one alias and its audit trail."""

    def __init__(self) -> None:
        self.aliases = {"champion": "2"}
        self.moves: list[Move] = []
        self.error: LabError | None = None

    def state(self) -> RegistryState:
        if self.error is not None:
            raise self.error
        versions = {"2": "abc", "4": "def"}
        return RegistryState(
            model="flight-risk", aliases=dict(self.aliases), versions=versions, moves=tuple(self.moves)
        )

    def move_alias(self, alias: str, version: str, who: str, message: str = "") -> None:
        seq, before = len(self.moves) + 1, self.aliases[alias]
        self.moves.append(Move(seq=seq, at=1.0, alias=alias, before=before, after=version, who=who, message=message))
        self.aliases[alias] = version


@pytest.fixture
def lab() -> Any:
    cluster = SimpleNamespace(scope="", list=lambda kind, selector="", unscoped=False: [])
    return SimpleNamespace(registry=FakeRegistry(), cluster=cluster)


def test_a_move_is_journaled_done_and_shown(lab: Any) -> None:
    events: list[Any] = []
    deploy(lab, PlannedDeploy(0, 0.0, EVENT, "4"), events.append, lambda: 5.0)
    intended, applied = events
    assert isinstance(intended, ChangeIntended)
    assert isinstance(applied, ChangeApplied)
    assert (applied.tag, applied.previous_tag, applied.commit) == ("4", "2", "move-1")
    (shown,) = changes_of(events)
    assert (shown.id, shown.component, shown.what) == ("move-1", "registry", "alias champion 2 -> 4")


def test_a_repeat_after_a_crash_does_not_move_it_again(lab: Any) -> None:
    events: list[Any] = []
    for _ in range(2):
        deploy(lab, PlannedDeploy(0, 0.0, EVENT, "4"), events.append, lambda: 5.0)
    assert len(lab.registry.moves) == 1
    assert events[1] == events[3]


def test_while_the_registry_is_silent_what_was_known_stays(lab: Any) -> None:
    seen = look(lab, {})
    assert seen.registry_answered
    assert seen.objects == {"Alias/champion": "2", "Version/2": "abc", "Version/4": "def"}
    lab.registry.error = RegistryError("The registry does not answer", "refused.", "See `lab status`.")
    silent = look(lab, seen.objects)
    assert (silent.objects, silent.registry_answered) == (seen.objects, False)
    assert list(differences(seen.objects, silent.objects)) == []


def test_a_registered_file_that_changed_or_went_is_told() -> None:
    registered = {"flight-risk/2": "abc"}
    assert versions_intact({"Version/2": "abc", "Version/9": "x"}, registered)
    assert not versions_intact({"Version/2": "abd"}, registered)
    assert not versions_intact({}, registered)
