"""The keeper's second: gate, injection, onset, whose change it was, and what makes a run void."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from keeper_bench import BITTEN, HEALTHY, START, Bench

from lab.incident.events import ChangeApplied, ChangeObserved, PhaseEntered
from lab.keeper import loop
from lab.keeper.gate import PATIENCE_SECONDS
from lab.keeper.plan import PlannedDeploy


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path / "lab")

    def deploy(lab: Any, planned: PlannedDeploy, record: Callable[[Any], None], now: Callable[[], float]) -> None:
        wanted = planned.event.deploy
        made.deployed.append(f"{wanted.component}:{planned.tag}")
        made.tags[wanted.component] = planned.tag
        made.during_deploy()
        made.repo.commits.append(f"c{len(made.repo.commits)}")
        record(
            ChangeApplied(
                at=now(),
                event=planned.index,
                component=wanted.component,
                by=wanted.by,
                tag=planned.tag,
                previous_tag="2.3.5",
                message=wanted.message,
                commit=made.repo.head(),
                resource_version="1",
            )
        )

    monkeypatch.setattr(loop, "deploy", deploy)
    return made


def test_the_gate_wants_a_held_steady_state(bench: Bench) -> None:
    bench.keeper._prepare()
    bench.seconds(5)
    assert bench.keeper.state.phase == "preparing"
    bench.values["offered"] = 20.0
    bench.seconds(1)
    bench.values["offered"] = 40.0
    bench.seconds(8)
    assert bench.keeper.state.phase == "preparing"
    bench.seconds(2)
    assert bench.keeper.state.phase == "on_call"


def test_a_stack_that_never_gets_steady_is_void_with_the_reason(bench: Bench) -> None:
    bench.values["objective.good_share"] = None
    bench.keeper._prepare()
    bench.seconds(int(PATIENCE_SECONDS) + 3)
    assert bench.keeper.state.phase == "void"
    assert "good_share is without data" in bench.keeper.state.reason


def test_events_come_in_order_and_are_not_the_learners(bench: Bench) -> None:
    bench.on_call()
    bench.seconds(12)
    assert bench.deployed == ["feed:2.3.2", "model-server:2.4.0"]
    assert bench.keeper.state.learner_changes == ()
    assert bench.keeper.constants is not None
    assert bench.repo.head() in bench.keeper.constants.commits


def test_onset_is_the_first_bite_and_the_alert_after_it_is_first_visible(bench: Bench) -> None:
    bench.on_call()
    bench.seconds(12)
    assert bench.keeper.state.onset_at is None
    bench.values = dict(BITTEN)
    bitten_at = bench.now
    bench.seconds(3)
    bench.firing = frozenset({"GoodShareBurn"})
    bench.seconds(2)
    state = bench.keeper.state
    assert state.onset_at == bitten_at
    assert state.first_visible_at == bitten_at + 3


def test_a_bite_before_the_strike_is_no_onset(bench: Bench) -> None:
    bench.on_call()
    bench.values = dict(BITTEN)
    bench.seconds(2)
    assert bench.keeper.state.onset_at is None


def test_a_change_that_nobody_announced_is_the_learners(bench: Bench) -> None:
    bench.on_call()
    bench.cluster.replicas["model-server"] = 0
    bench.seconds(1)
    (change,) = bench.keeper.state.learner_changes
    assert (change.kind, change.name, change.what) == ("Deployment", "model-server", "replicas 2 -> 0")


def test_a_change_made_while_no_keeper_lived_is_seen_by_the_next(bench: Bench) -> None:
    bench.on_call()
    bench.cluster.replicas["gateway"] = 3
    bench.keeper = bench.take_over()
    bench.seconds(1)
    assert [change.what for change in bench.keeper.state.learner_changes] == ["replicas 1 -> 3"]
    assert bench.keeper.state.phase == "on_call"


def test_a_change_in_the_second_of_a_deploy_is_still_the_learners(bench: Bench) -> None:
    bench.on_call()
    struck = (bench.keeper.state.gate_at or 0.0) + bench.strike_seconds

    def meddle() -> None:
        if bench.now >= struck:
            bench.cluster.replicas["gateway"] = 3

    bench.during_tick = meddle
    bench.seconds(12)
    assert len(bench.deployed) == 2
    assert [change.name for change in bench.keeper.state.learner_changes] == ["gateway"]


def test_a_change_while_a_deploy_is_under_way_is_still_the_learners(bench: Bench) -> None:
    bench.on_call()

    def meddle() -> None:
        bench.cluster.replicas["gateway"] = 3

    bench.during_deploy = meddle
    bench.seconds(12)
    assert [(change.name, change.what) for change in bench.keeper.state.learner_changes] == [
        ("gateway", "replicas 1 -> 3")
    ]
    assert all(change.name not in ("feed", "model-server") for change in bench.keeper.state.learner_changes)


def test_a_deploy_waits_while_the_cluster_does_not_say_what_is_there(bench: Bench) -> None:
    bench.on_call()
    bench.cluster.silent = True
    bench.seconds(12)
    assert len(bench.deployed) == 1
    bench.cluster.silent = False
    bench.seconds(1)
    assert len(bench.deployed) == 2


def test_a_pod_deleted_by_hand_is_listed_and_one_that_came_is_not(bench: Bench) -> None:
    bench.cluster.pods = ["model-server-a", "model-server-b"]
    bench.on_call()
    bench.cluster.pods = ["model-server-b", "model-server-c"]
    bench.seconds(2)
    (change,) = bench.keeper.state.learner_changes
    assert (change.kind, change.name, change.what) == ("Pod", "model-server-a", "deleted")


def test_a_lost_commit_breaks_history_and_an_added_one_is_recorded(bench: Bench) -> None:
    bench.on_call()
    bench.repo.commits.append("mine")
    bench.seconds(2)
    assert bench.keeper.samples.of("history").value[-1] == 1.0
    assert any(isinstance(e, ChangeObserved) and e.kind == "Commit" for e in bench.keeper.events)
    bench.repo.commits = ["other"]
    bench.repo.lost = {"c0"}
    bench.seconds(2)
    assert bench.keeper.samples.of("history").value[-1] == 0.0


def test_a_hole_that_the_lab_made_is_void_and_never_a_fail(bench: Bench) -> None:
    bench.on_call()
    bench.now += 30
    bench.keeper = bench.take_over()
    bench.seconds(1)
    assert bench.keeper.state.phase == "void"
    assert "30 s" in bench.keeper.state.reason or "31 s" in bench.keeper.state.reason


def test_silence_of_prometheus_is_void_unless_the_learner_touched_something(bench: Bench) -> None:
    bench.on_call()
    bench.firing, bench.values = None, {**HEALTHY, "bites": None}
    bench.seconds(20)
    assert bench.keeper.state.phase == "void"


def test_silence_after_a_learners_change_goes_on(bench: Bench) -> None:
    bench.on_call()
    bench.cluster.replicas["gateway"] = 0
    bench.seconds(1)
    bench.firing = None
    bench.seconds(20)
    assert bench.keeper.state.phase == "on_call"


def test_a_fault_that_never_bites_is_void_or_prevented(bench: Bench) -> None:
    bench.on_call()
    bench.seconds(12)
    bench.cluster.replicas["model-server"] = 3
    bench.seconds(int(bench.loaded.scenario.bites.within) + 3)
    assert bench.keeper.state.phase == "prevented"


def test_without_a_learners_change_the_same_is_void(bench: Bench) -> None:
    bench.on_call()
    bench.seconds(int(bench.loaded.scenario.bites.within) + 15)
    assert bench.keeper.state.phase == "void"


def test_time_up_leads_to_the_note(bench: Bench) -> None:
    bench.on_call()
    bench.seconds(12)
    bench.values = dict(BITTEN)
    bench.seconds(bench.loaded.scenario.minutes * 60)
    assert bench.keeper.state.phase == "writing"
    assert bench.files.note.read_text().startswith("---")


def test_the_journal_alone_gives_the_same_state(bench: Bench) -> None:
    bench.on_call()
    bench.seconds(12)
    again = bench.take_over()
    assert again.state == bench.keeper.state
    assert again.samples == bench.keeper.samples
    assert again.events[0].at == START
    assert isinstance(again.events[1], PhaseEntered)


def test_a_moved_alias_is_the_learners_and_a_changed_file_breaks_history(bench: Bench) -> None:
    bench.keeper.lab.registered_models = lambda: {"flight-risk/2": "abc"}
    bench.on_call()
    bench.registry = bench.registry.model_copy(update={"aliases": {"champion": "3"}})
    bench.seconds(1)
    seen = [event for event in bench.keeper.events if isinstance(event, ChangeObserved)]
    assert [(change.kind, change.name, change.what) for change in seen] == [
        ("Alias", "registry", "alias champion 2 -> 3")
    ]
    assert bench.keeper.samples.of("history").value[-1] == 1.0
    bench.registry = bench.registry.model_copy(update={"versions": {"2": "other"}})
    bench.seconds(1)
    assert bench.keeper.samples.of("history").value[-1] == 0.0
