from __future__ import annotations

import pytest
from incident_runs import at, changed, closed, declared, diagnosed, quiet_run, solved_run, started, unsolved_run

from lab.errors import RunError
from lab.incident.commands import Command, hint_on_offer, may, queried
from lab.incident.events import (
    AlertFired,
    DiagnosisGiven,
    HintTaken,
    IncidentDeclared,
    OnsetObserved,
    PhaseEntered,
    QueryRun,
    ResolveAccepted,
)
from lab.incident.state import fold


def test_a_solved_run_folds_into_its_moments() -> None:
    state = solved_run().state
    assert state.phase == "writing"
    assert state.reason == "resolved"
    assert (state.gate_at, state.strike_at) == (at(0), at(80))
    assert (state.on_call_since, state.on_call_ends) == (at(0), at(225.5))
    assert (state.onset_at, state.first_visible_at, state.clock_starts) == (at(95), at(110), at(110))
    assert [one.false for one in state.declarations] == [False]
    assert state.declaration is None
    assert state.resolve_accepted_at == at(225)
    assert [change.commit[:2] for change in state.applied] == ["0a", "b2"]
    assert [change.name for change in state.learner_changes] == ["model-server"]


def test_on_call_ends_after_its_minutes_while_it_lasts() -> None:
    state = fold(started(), solved_run().scenario)
    assert state.on_call_until is None
    assert state.on_call_ends == at(12 * 60)


def test_an_alert_that_fires_before_onset_shows_the_incident_from_onset_on() -> None:
    run = solved_run().without(AlertFired).add(AlertFired(at=at(90), name="GoodShareBurn"))
    assert run.state.first_visible_at == at(95)


def test_other_alerts_are_not_first_visible_and_without_one_onset_counts() -> None:
    run = solved_run().without(AlertFired).add(AlertFired(at=at(100), name="SomethingElse"))
    assert run.state.first_visible_at is None
    assert run.state.clock_starts == at(95)


def test_a_declaration_before_onset_is_false_and_one_after_is_not() -> None:
    state = solved_run().add(declared(60), closed(70)).state
    assert [(one.false, one.closed_at) for one in state.declarations] == [(True, at(70)), (False, None)]


def test_all_declarations_of_a_quiet_run_are_false_and_it_has_no_onset() -> None:
    state = quiet_run().add(declared(150), OnsetObserved(at=at(120), value=0.9)).state
    assert state.onset_at is None
    assert [one.false for one in state.declarations] == [True]


def test_the_last_diagnosis_counts() -> None:
    state = solved_run().add(diagnosed(172, "memory-limit-too-low")).state
    assert state.diagnosis is not None
    assert state.diagnosis.cause == "memory-limit-too-low"


@pytest.mark.parametrize("command", ["declare", "diagnose", "hint", "query", "nothing_wrong", "abort"])
def test_on_call_takes_these_commands(command: Command) -> None:
    may(fold(started(), solved_run().scenario), command)


@pytest.mark.parametrize(
    ("command", "title"),
    [
        ("resolve", "No incident is declared"),
        ("note", "The note comes after the incident"),
        ("submit", "The note comes after the incident"),
    ],
)
def test_on_call_refuses_these_with_a_way_on(command: Command, title: str) -> None:
    with pytest.raises(RunError) as refused:
        may(fold(started(), solved_run().scenario), command)
    assert refused.value.title == title
    assert refused.value.next_step


def test_one_declaration_is_open_at_a_time() -> None:
    scenario = solved_run().scenario
    opened = fold([*started(), declared(100)], scenario)
    may(opened, "resolve")
    with pytest.raises(RunError, match="already declared"):
        may(opened, "declare")
    may(fold([*started(), declared(100), closed(110)], scenario), "declare")


def test_writing_takes_the_note_and_nothing_else() -> None:
    state = solved_run().state
    may(state, "submit")
    commands: tuple[Command, ...] = ("declare", "diagnose", "hint", "query", "resolve", "nothing_wrong")
    for command in commands:
        with pytest.raises(RunError) as refused:
            may(state, command)
        assert "submit" in refused.value.next_step


def test_a_graded_run_takes_nothing() -> None:
    state = solved_run().add(PhaseEntered(at=at(400), phase="graded")).state
    for command in ("declare", "submit", "abort"):
        with pytest.raises(RunError):
            may(state, command)


def test_refusals_say_the_same_in_a_quiet_run() -> None:
    for commands in (("resolve",), ("submit",)):
        texts = set()
        for run in (solved_run(), quiet_run()):
            with pytest.raises(RunError) as refused:
                may(fold(started(), run.scenario), commands[0])  # type: ignore[arg-type]
            texts.add(str(refused.value))
        assert len(texts) == 1


def test_hints_come_in_order_as_their_conditions_hold() -> None:
    run = unsolved_run()
    scenario = run.scenario
    first = hint_on_offer(run.state, scenario, at(120))
    assert first is not None
    assert first[0] == 0
    looked = run.add(
        QueryRun(at=at(115), promql="histogram_quantile(0.99, rate(request_duration_seconds_bucket[15s]))")
    )
    assert hint_on_offer(looked.state, scenario, at(120)) is None
    second = hint_on_offer(looked.state, scenario, at(110 + 180))
    assert second is not None
    assert second[0] == 1
    taken = looked.add(HintTaken(at=at(300), hint=1, cost=5, text="..."))
    assert hint_on_offer(taken.state, scenario, at(400)) is None


def test_hints_are_offered_in_quiet_runs_too() -> None:
    run = quiet_run()
    state = run.add(QueryRun(at=at(10), promql="request_duration_seconds_sum")).state
    assert hint_on_offer(state, run.scenario, at(80 + 179)) is None
    assert hint_on_offer(state, run.scenario, at(80 + 180)) is not None


def test_a_metric_is_queried_only_by_its_whole_name() -> None:
    run = solved_run().add(QueryRun(at=at(100), promql="rate(feed_request_duration_seconds_sum[15s])"))
    assert not queried(run.state, "request_duration_seconds")
    assert queried(run.state, "feed_request_duration_seconds")


def test_folding_is_the_same_for_any_prefix_and_again() -> None:
    run = solved_run().add(changed(190, "feed", "replicas 1 -> 2"))
    for length in range(len(run.events) + 1):
        events = run.sorted_events[:length]
        assert fold(events, run.scenario) == fold(list(events), run.scenario)


def test_an_open_declaration_ends_with_the_accepted_resolve() -> None:
    run = solved_run()
    assert run.state.declaration is None
    assert run.without(ResolveAccepted).state.declaration is not None
    assert run.without(IncidentDeclared, DiagnosisGiven).state.diagnosis is None
