from __future__ import annotations

import math

import pytest
from incident_runs import Run, at, changed, quiet_run, solved_run, unsolved_run

from lab.content.values import Comparison
from lab.incident.events import NothingWrongClaimed, PhaseEntered, RecordGap, ResolveAccepted
from lab.incident.objectives import held, judge_objectives, mitigated_at, resolve, resolve_reasons
from lab.incident.record import Series

MUST = Comparison(">", 0.98)


def series(*values: float | None, step: float = 1.0) -> Series:
    return Series(at=[index * step for index in range(len(values))], value=list(values))


def test_held_counts_from_the_first_right_sample() -> None:
    hold = held(series(0.9, *[0.99] * 21), MUST, 20, 21, since=0)
    assert (hold.status, hold.since, hold.seconds, hold.broken_by) == ("held", 1.0, 20.0, "value")


def test_short_says_how_long_it_has_been() -> None:
    hold = held(series(0.9, *[0.99] * 8), MUST, 20, 8, since=0)
    assert (hold.status, hold.seconds, hold.value) == ("short", 7.0, 0.99)


def test_wrong_now() -> None:
    hold = held(series(*[0.99] * 30, 0.97), MUST, 20, 30, since=0)
    assert (hold.status, hold.value, hold.seconds) == ("wrong", 0.97, 0.0)


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_sample_without_a_value_breaks_the_hold(missing: float | None) -> None:
    hold = held(series(*[0.99] * 20, missing, *[0.99] * 10), MUST, 20, 30, since=0)
    assert (hold.status, hold.seconds, hold.broken_by, hold.broken_at) == ("short", 9.0, "null", 20.0)


def test_a_hole_breaks_the_hold_and_a_short_pause_does_not() -> None:
    times = [float(second) for second in range(41) if not 10 < second < 17]
    assert held(Series(at=times, value=[0.99] * len(times)), MUST, 30, 40, since=0).broken_by == "hole"
    times = [float(second) for second in range(41) if not 10 < second < 14]
    assert held(Series(at=times, value=[0.99] * len(times)), MUST, 30, 40, since=0).status == "held"


def test_nothing_new_is_unmeasured() -> None:
    assert held(Series(), MUST, 20, 30, since=0).status == "unmeasured"
    assert held(series(*[0.99] * 20), MUST, 10, 30, since=0).status == "unmeasured"
    assert held(series(*[0.99] * 30, None), MUST, 10, 30, since=0).status == "unmeasured"


def test_the_time_before_onset_does_not_count() -> None:
    assert held(series(*[0.99] * 31), MUST, 20, 30, since=15).seconds == 15.0


def test_resolve_is_refused_with_the_value_and_the_seconds_that_are_missing() -> None:
    run = solved_run()
    (reason,) = resolve_reasons(run.scenario, run.samples, run.state, at(150))
    assert "good_share is 0.85 now and must be > 0.98" in reason
    (reason,) = resolve_reasons(run.scenario, run.samples, run.state, at(213))
    assert "13 s of 20 s: 7 s missing" in reason
    assert resolve_reasons(run.scenario, run.samples, run.state, at(220)) == ()


def test_resolve_before_onset_and_in_a_quiet_run_is_the_same() -> None:
    run, quiet = solved_run(), quiet_run()
    assert resolve(run.scenario, run.samples, run.state, at(90)) == "close_as_false"
    assert resolve(quiet.scenario, quiet.samples, quiet.state, at(90)) == "close_as_false"
    assert resolve(run.scenario, run.samples, run.state, at(225)) == ()


def test_mitigated_is_when_the_accepted_hold_began() -> None:
    run = solved_run()
    assert mitigated_at(run.scenario, run.samples, run.state) == at(200)
    lost = unsolved_run()
    assert mitigated_at(lost.scenario, lost.samples, lost.state) is None


def judged(run: Run) -> str:
    (check,) = judge_objectives(run.scenario, run.samples, run.state)
    return check.verdict


def test_objectives_pass_when_resolved_or_held_at_the_end() -> None:
    assert judged(solved_run()) == "pass"
    assert judged(solved_run().without(ResolveAccepted)) == "pass"
    assert judged(quiet_run()) == "pass"


def test_objectives_fail_when_nothing_is_done() -> None:
    assert judged(unsolved_run()) == "fail"


def test_nothing_wrong_is_a_failed_run_where_something_is() -> None:
    run = solved_run().without(ResolveAccepted).add(NothingWrongClaimed(at=at(225), reason=""))
    assert judged(run) == "fail"


def test_a_hole_after_the_learners_change_fails_and_one_of_the_lab_is_unknown() -> None:
    dark = unsolved_run()
    dark.values["objective.good_share"] = lambda s: None if s >= 300 else 0.85
    assert judged(dark) == "unknown"
    assert judged(dark.add(changed(298, "prometheus", "replicas 1 -> 0"))) == "fail"
    assert judged(dark.add(RecordGap(at=at(310), seconds=10, reason="Prometheus did not answer"))) == "unknown"


def test_quiet_objectives_fail_if_the_learner_broke_something() -> None:
    run = quiet_run().add(changed(200, "gateway", "replicas 1 -> 0"), PhaseEntered(at=at(300), phase="writing"))
    run.values["objective.good_share"] = lambda s: 0.0 if s > 201 else 0.999
    assert judged(run) == "fail"
