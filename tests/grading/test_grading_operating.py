from __future__ import annotations

import pytest
from incident_runs import (
    CAUSE_COMMIT,
    OTHER_COMMIT,
    Run,
    at,
    changed,
    closed,
    declared,
    diagnosed,
    quiet_run,
    solved_run,
    unsolved_run,
)

from lab.content.causes import load_causes
from lab.grading.care import mended_component
from lab.grading.facts import facts_of
from lab.grading.operating import in_time, root_cause_named, same_commit, score_operating
from lab.grading.report import ScoreLine
from lab.incident.events import (
    AlertFired,
    ChangeObserved,
    DiagnosisGiven,
    HintTaken,
    IncidentDeclared,
    NothingWrongClaimed,
    QueryRun,
    ResolveAccepted,
)

CAUSES = load_causes()


def lines(run: Run) -> dict[str, ScoreLine]:
    return {line.part: line for line in score_operating(facts_of(run.bundle(), run.scenario), CAUSES)}


def total(run: Run) -> float:
    return sum(line.points for line in lines(run).values())


def points(run: Run, part: str) -> float:
    return lines(run)[part].points


def test_a_run_done_well_has_every_point_and_the_parts_make_a_hundred() -> None:
    found = lines(solved_run())
    assert total(solved_run()) == 100
    assert {part: line.of for part, line in found.items()} == {
        "detect": 25, "diagnose_cause": 12, "diagnose_where": 6, "diagnose_change": 7, "mitigate_held": 12,
        "mitigate_time": 23, "care": 15,
    }  # fmt: skip


def test_doing_nothing_has_no_point() -> None:
    assert total(unsolved_run()) == 0


@pytest.mark.parametrize(("seconds", "share"), [(-5, 1), (0, 1), (120, 1), (360, 0.5), (600, 0), (900, 0)])
def test_time_is_linear_between_two_and_ten_minutes(seconds: float, share: float) -> None:
    assert in_time(seconds) == share


def test_detection_counts_from_first_visible_or_from_onset_without_an_alert() -> None:
    late = solved_run().without(IncidentDeclared).add(declared(110 + 216))
    assert points(late, "detect") == 20
    unseen = solved_run().without(IncidentDeclared, AlertFired).add(declared(95 + 216))
    assert points(unseen, "detect") == 20
    early = solved_run().without(IncidentDeclared).add(declared(100))
    assert points(early, "detect") == 25


def test_a_false_declaration_costs_five_and_never_more_than_detection_gave() -> None:
    run = solved_run().add(declared(30), closed(40), declared(50), closed(60))
    assert (points(run, "detect"), points(run, "false_alarms")) == (25, -10)
    lost = unsolved_run().add(declared(30), closed(40))
    assert points(lost, "false_alarms") == 0
    assert total(lost) == 0


def test_declaring_early_and_leaving_it_open_counts_from_the_diagnosis_and_costs_five() -> None:
    run = solved_run().without(IncidentDeclared).add(declared(10))
    assert (points(run, "detect"), points(run, "false_alarms")) == (25, -5)
    assert "60 s after" in lines(run)["detect"].why


@pytest.mark.parametrize(
    ("cause", "expected"),
    [("release-slow-path", 12), ("release-defect", 6), ("memory-limit-too-low", 0), ("high-latency", 0)],
)
def test_a_diagnosis_is_exact_its_parent_or_nothing(cause: str, expected: float) -> None:
    run = solved_run().add(diagnosed(175, cause))
    assert points(run, "diagnose_cause") == expected
    assert root_cause_named(facts_of(run.bundle(), run.scenario), CAUSES) is (expected > 0)
    assert "release-slow-path" in lines(run)["diagnose_cause"].why


def test_component_and_change_are_named_exactly() -> None:
    wrong = DiagnosisGiven(at=at(175), cause="release-slow-path", component="feed", change=OTHER_COMMIT)
    found = lines(solved_run().add(wrong))
    assert (found["diagnose_where"].points, found["diagnose_change"].points) == (0, 0)
    assert "b2c3d4e5" in found["diagnose_change"].why
    none = DiagnosisGiven(at=at(175), cause="release-slow-path", component="model-server", change=None)
    assert points(solved_run().add(none), "diagnose_change") == 0


def test_hashes_match_from_six_characters_on() -> None:
    assert same_commit(CAUSE_COMMIT[:6].upper(), CAUSE_COMMIT)
    assert not same_commit(CAUSE_COMMIT[:5], CAUSE_COMMIT)
    assert not same_commit(None, CAUSE_COMMIT)
    assert not same_commit("", CAUSE_COMMIT)


def test_mitigation_is_timed_to_the_moment_the_hold_began() -> None:
    run = solved_run()
    run.values["objective.good_share"] = lambda s: 0.85 if 95 <= s < 470 else 0.995
    run.lasts = 495
    slow = run.without(ResolveAccepted, ChangeObserved).add(
        changed(455, "model-server", "image 2.4.1 -> 2.3.1"), ResolveAccepted(at=at(495))
    )
    assert points(slow, "mitigate_held") == 12
    assert points(slow, "mitigate_time") == pytest.approx(11.5)


def test_a_fix_that_nobody_called_over_has_no_points_for_its_time() -> None:
    run = solved_run().without(ResolveAccepted)
    assert (points(run, "mitigate_held"), points(run, "mitigate_time")) == (12, 0)


def test_wrong_changes_and_innocent_components_cost_care() -> None:
    run = solved_run().add(changed(150, "feed", "image 2.3.2 -> 2.3.1"), changed(155, "gateway", "env A 1 -> 2"))
    assert points(run, "care") == 15 - 2 * 3 - 2 * 2
    assert "feed" in lines(run)["care"].why


def test_taking_a_wrong_change_back_costs_nothing_more() -> None:
    run = solved_run().add(changed(150, "gateway", "env A 1 -> 2"), changed(160, "gateway", "env A 2 -> 1"))
    assert points(run, "care") == 15 - 3 - 2


def test_a_try_on_the_right_component_that_was_taken_back_is_one_wrong_change() -> None:
    run = solved_run().add(
        changed(150, "model-server", "replicas 2 -> 4"), changed(160, "model-server", "replicas 4 -> 2")
    )
    assert points(run, "care") == 12
    after = solved_run().add(
        changed(150, "model-server", "replicas 2 -> 4"), changed(210, "model-server", "replicas 4 -> 2")
    )
    assert points(after, "care") == 15


def test_a_safe_fix_elsewhere_counts_as_the_fix() -> None:
    run = solved_run().without(ChangeObserved).add(changed(180, "gateway", "env WEIGHTS 50,50 -> 100,0"))
    assert points(run, "care") == 15
    assert mended_component(facts_of(run.bundle(), run.scenario)) == "gateway"


def test_commits_alone_and_pods_of_the_fix_cost_nothing() -> None:
    run = solved_run().add(
        changed(178, OTHER_COMMIT, "Revert", kind="Commit"), changed(181, "model-server-7c9", "deleted", "Pod")
    )
    assert points(run, "care") == 15


def test_a_pod_deleted_elsewhere_is_listed_without_a_charge_and_may_be_the_fix() -> None:
    elsewhere = solved_run().add(changed(150, "gateway-5f6-x", "deleted", "Pod"))
    assert points(elsewhere, "care") == 15
    fix = solved_run().without(ChangeObserved).add(changed(180, "gateway-5f6-x", "deleted", "Pod"))
    assert mended_component(facts_of(fix.bundle(), fix.scenario)) == "gateway"


def test_hints_cost_what_they_say_down_to_nothing() -> None:
    run = solved_run().add(
        HintTaken(at=at(150), hint=0, cost=3, text=""), HintTaken(at=at(160), hint=1, cost=5, text="")
    )
    assert points(run, "care") == 7
    assert points(run.add(HintTaken(at=at(165), hint=2, cost=15, text="")), "care") == 0


def test_nothing_wrong_where_something_is_has_no_point_for_diagnosis_or_mitigation() -> None:
    run = solved_run().without(ResolveAccepted).add(NothingWrongClaimed(at=at(225), reason=""))
    assert [points(run, part) for part in ("diagnose_cause", "diagnose_where", "diagnose_change", "mitigate_held")] == [
        0
    ] * 4
    assert not root_cause_named(facts_of(run.bundle(), run.scenario), CAUSES)


def test_quiet_holding_fire_and_saying_why_has_every_point() -> None:
    assert {part: line.points for part, line in lines(quiet_run()).items()} == {
        "hold_fire": 60, "said_so": 15, "evidence": 10, "care": 15,
    }  # fmt: skip


def test_quiet_any_change_loses_the_run() -> None:
    for change in (changed(200, "model-server", "image 2.3.1 -> 2.2.0"), changed(200, "abc", "Revert", kind="Commit")):
        run = quiet_run().add(change)
        assert points(run, "hold_fire") == 0
        assert total(run) < 70


def test_quiet_one_false_alarm_is_forgiven_and_two_are_not_quite() -> None:
    once = quiet_run().add(declared(120), closed(140))
    twice = quiet_run().add(declared(120), closed(140), declared(150), closed(160))
    assert (total(once), total(twice)) == (80, 60)


def test_quiet_saying_why_needs_a_look_at_what_tells() -> None:
    mute = quiet_run().without(NothingWrongClaimed).add(NothingWrongClaimed(at=at(300), reason="looks fine"))
    assert points(mute, "evidence") == 0
    looked = mute.add(QueryRun(at=at(200), promql="rate(request_duration_seconds_count[15s])"))
    assert points(looked, "evidence") == 10
    silent = quiet_run().without(NothingWrongClaimed)
    assert (points(silent, "said_so"), points(silent, "evidence")) == (0, 0)
    diagnosed_so = silent.add(DiagnosisGiven(at=at(250), cause="no-fault", component="feed", change=None))
    assert points(diagnosed_so, "said_so") == 15
