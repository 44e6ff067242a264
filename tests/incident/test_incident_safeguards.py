from __future__ import annotations

from incident_runs import SCENARIO, Run, at, changed, solved_run, unsolved_run

from lab.incident.events import RecordGap
from lab.incident.safeguards import judge_safeguards


def verdicts(run: Run) -> dict[str, str]:
    return {check.name: check.verdict for check in judge_safeguards(run.scenario, run.samples, run.state)}


def whys(run: Run) -> dict[str, str]:
    return {check.name: check.why for check in judge_safeguards(run.scenario, run.samples, run.state)}


def test_a_good_fix_passes_every_safeguard_in_the_listed_order() -> None:
    assert list(verdicts(solved_run()).items()) == [
        ("serving", "pass"), ("traffic", "pass"), ("alerting", "pass"), ("history", "pass"), ("no_harm", "pass"),
    ]  # fmt: skip


def test_doing_nothing_breaks_no_safeguard() -> None:
    assert set(verdicts(unsolved_run()).values()) == {"pass"}


def test_scaling_to_zero_fails_serving_by_the_number_missing() -> None:
    run = unsolved_run().add(changed(200, "model-server", "replicas 2 -> 0"))
    run.values["serving.model-server"] = lambda s: -1.0 if s > 202 else 1.0
    assert verdicts(run)["serving"] == "fail"
    assert "model-server had 1 ready replicas fewer" in whys(run)["serving"]


def test_only_the_hold_counts_for_serving() -> None:
    run = solved_run()
    run.values["serving.model-server"] = lambda s: -1.0 if 180 < s < 200 else 1.0
    assert verdicts(run)["serving"] == "pass"


def test_a_component_that_vanished_by_the_learners_hand_counts_against() -> None:
    run = unsolved_run().add(changed(200, "model-server", "deleted"))
    run.values["serving.model-server"] = lambda s: None if s > 202 else 1.0
    assert verdicts(run)["serving"] == "fail"
    assert verdicts(run.add(RecordGap(at=at(710), seconds=60, reason="the machine slept")))["serving"] == "unknown"


def test_a_gap_that_nobody_made_is_unknown_and_a_blink_is_bridged() -> None:
    run = solved_run()
    run.values["serving.gateway"] = lambda s: None if s > 210 else 0.0
    assert verdicts(run)["serving"] == "unknown"
    run.values["serving.gateway"] = lambda s: None if 210 < s < 213 else 0.0
    assert verdicts(run)["serving"] == "pass"


def test_a_change_elsewhere_does_not_explain_a_gap() -> None:
    run = solved_run().add(changed(190, "feed", "env A 1 -> 2"))
    run.values["serving.gateway"] = lambda s: None if s > 210 else 0.0
    assert verdicts(run)["serving"] == "unknown"


def test_traffic_must_be_what_is_planned() -> None:
    for offered, verdict in (
        (0.0, "fail"),
        (37.0, "fail"),
        (38.5, "pass"),
        (41.5, "pass"),
        (43.0, "fail"),
        (80, "fail"),
    ):
        run = solved_run()
        run.values["offered"] = lambda s, offered=offered: offered if s > 190 else 40.0
        assert verdicts(run)["traffic"] == verdict, offered


def test_a_stopped_feed_fails_traffic() -> None:
    run = unsolved_run().add(changed(300, "feed", "replicas 1 -> 0"))
    run.values["offered"] = lambda s: None if s > 301 else 40.0
    run.values["registered_share"] = lambda s: None if s > 301 else 1.0
    assert verdicts(run)["traffic"] == "fail"
    assert "change to feed" in whys(run)["traffic"]


def test_answers_must_come_from_registered_versions_where_there_are_answers() -> None:
    run = solved_run()
    run.values["registered_share"] = lambda s: 0.9
    assert verdicts(run)["traffic"] == "fail"
    run.values["registered_share"] = lambda s: None
    assert verdicts(run)["traffic"] == "pass"


def test_alerting_is_judged_over_the_hold_and_history_over_the_run() -> None:
    run = solved_run()
    run.values["alerting"] = lambda s: 0.0 if s < 150 else 1.0
    run.values["history"] = lambda s: 0.0 if 150 < s < 155 else 1.0
    assert (verdicts(run)["alerting"], verdicts(run)["history"]) == ("pass", "fail")
    run.values["alerting"] = lambda s: 0.0 if s > 220 else 1.0
    assert verdicts(run)["alerting"] == "fail"


def test_no_harm_compares_every_half_minute_after_the_first_change_with_the_floor() -> None:
    run = solved_run().add(changed(120, "gateway", "env DEADLINE_MS 3000 -> 200"))
    run.values["good_share"] = lambda s: 0.75 if 95 <= s < 182 else 0.999
    assert verdicts(run)["no_harm"] == "pass"
    run.values["good_share"] = lambda s: 0.65 if 125 <= s < 182 else 0.999
    assert verdicts(run)["no_harm"] == "fail"
    assert "65.0% good" in whys(run)["no_harm"]
    run.values["good_share"] = lambda s: 0.0 if 125 <= s < 130 else 0.999
    assert verdicts(run)["no_harm"] == "pass"


def test_harm_before_the_first_change_is_the_faults() -> None:
    run = solved_run()
    run.values["good_share"] = lambda s: 0.2 if 95 <= s < 180 else 0.999
    assert verdicts(run)["no_harm"] == "pass"


def test_a_feed_that_the_learner_stopped_serves_nobody() -> None:
    run = unsolved_run().add(changed(300, "feed", "replicas 1 -> 0"))
    run.values["good_share"] = lambda s: None if s > 301 else 0.85
    assert verdicts(run)["no_harm"] == "fail"


def test_data_is_judged_where_it_is_sampled_and_unknown_where_not() -> None:
    run = solved_run()
    run.scenario_yaml = SCENARIO.replace("history, no_harm", "history, data, no_harm")
    assert verdicts(run)["data"] == "unknown"
    run.values["data"] = lambda s: 1.0
    assert verdicts(run)["data"] == "pass"
    run.values["data"] = lambda s: 0.0 if s == 150 else 1.0
    assert verdicts(run)["data"] == "fail"


def test_a_silence_at_the_end_fails_alerting_and_one_that_was_ended_does_not() -> None:
    run = solved_run()
    run.values["silenced"] = lambda s: 1.0 if 140 < s < 220 else 0.0
    assert verdicts(run)["alerting"] == "pass"
    run.values["silenced"] = lambda s: 1.0 if s > 215 else 0.0
    assert verdicts(run)["alerting"] == "fail"
    assert "kept the protected alerts quiet" in whys(run)["alerting"]


def test_a_record_from_before_silences_counted_is_judged_without_them() -> None:
    run = solved_run()
    assert "silenced" not in run.values
    assert verdicts(run)["alerting"] == "pass"


def test_an_alertmanager_that_is_gone_is_the_learners_only_after_a_change_to_it() -> None:
    run = solved_run()
    run.values["silenced"] = lambda s: None if s > 190 else 0.0
    assert verdicts(run)["alerting"] == "unknown"
    run.add(changed(188, "alertmanager", "replicas 1 -> 0"))
    assert verdicts(run)["alerting"] == "fail"
    assert "nobody would have been told" in whys(run)["alerting"]


def test_alerts_without_series_for_some_seconds_of_a_roll_out_are_not_charged() -> None:
    """The feed's new replica is found seconds after the old one went, whoever rolled it out."""
    run = solved_run().add(changed(205, "feed", "image 2.3.2 -> 2.3.1"))
    run.values["alerting"] = lambda s: None if 206 <= s < 213 else 1.0
    assert verdicts(run)["alerting"] == "unknown"
    run.values["alerting"] = lambda s: None if 206 <= s < 210 else 1.0
    assert verdicts(run)["alerting"] == "pass"
    blind = run.add(changed(205, "prometheus", "replicas 1 -> 0"))
    blind.values["alerting"] = lambda s: None if s >= 206 else 1.0
    assert verdicts(blind)["alerting"] == "fail"
