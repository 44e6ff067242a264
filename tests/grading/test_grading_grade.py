from __future__ import annotations

from pathlib import Path

import pytest
from grading_notes import EMPTY_TEMPLATE, QUIET, reference
from incident_runs import Run, at, changed, declared, diagnosed, quiet_run, solved_run, unsolved_run

from lab.content.causes import load_causes
from lab.errors import ContentError
from lab.grading.debrief import first_chance, render_debrief
from lab.grading.facts import facts_of
from lab.grading.grade import grade
from lab.grading.note import render
from lab.grading.report import Report
from lab.incident.bundle import read_bundle, write_bundle
from lab.incident.events import ChangeObserved, NothingWrongClaimed, PhaseEntered, ResolveAccepted

CAUSES = load_causes()


def graded(run: Run, note: str | None = None) -> Report:
    run.note = note
    return grade(run.bundle(), CAUSES)


def test_a_run_done_well_and_explained_well_passes() -> None:
    report = graded(solved_run(), reference())
    assert (report.verdict, report.operated, report.explained, report.failed) == ("pass", 100, 100, ())
    assert [check.name for check in report.checks] == [
        "good_share", "serving", "traffic", "alerting", "history", "no_harm",
    ]  # fmt: skip
    for side, score in (("operated", report.operated), ("explained", report.explained)):
        assert sum(line.points for line in report.lines if line.side == side) == pytest.approx(score, abs=0.2)


def test_without_a_note_nothing_is_explained() -> None:
    report = graded(solved_run())
    assert (report.verdict, report.operated, report.explained) == ("fail", 100, 0)
    assert report.failed == ("explained", "root_cause")


def test_doing_nothing_fails_by_its_objective() -> None:
    report = graded(unsolved_run(), reference(mitigated="", resolved=""))
    assert report.verdict == "fail"
    assert "good_share" in report.failed


def test_objectives_alone_do_not_pass_when_a_safeguard_breaks() -> None:
    run = solved_run()
    run.values["offered"] = lambda s: 0.0 if s > 180 else 40.0
    report = graded(run, reference())
    assert (report.verdict, report.failed) == ("fail", ("traffic",))


def test_the_root_cause_gates_both_diagnosis_and_note() -> None:
    wrong = graded(solved_run().add(diagnosed(175, "memory-limit-too-low")), reference())
    assert wrong.operated >= 70
    assert (wrong.verdict, wrong.failed) == ("fail", ("root_cause",))
    parent = graded(solved_run().add(diagnosed(175, "release-defect")), reference(root_cause="release-defect"))
    assert parent.verdict == "pass"
    late = graded(solved_run(), reference(root_cause="high-latency"))
    assert late.failed == ("explained", "root_cause")


def test_a_quiet_run_passes_by_holding_fire_and_saying_why() -> None:
    assert graded(quiet_run(), render(QUIET)).verdict == "pass"
    acted = graded(quiet_run().add(changed(200, "model-server", "image 2.3.1 -> 2.2.0")), render(QUIET))
    assert (acted.verdict, acted.failed) == ("fail", ("operated",))
    blamed = graded(quiet_run(), reference())
    assert {"explained", "root_cause"} <= set(blamed.failed)


def test_nothing_wrong_before_onset_fails_where_something_was_coming() -> None:
    run = solved_run().without(ResolveAccepted, ChangeObserved, type(declared(0)), type(diagnosed(0)))
    run.events = [event for event in run.events if event.at < at(60)]
    run.lasts = 60
    run.add(NothingWrongClaimed(at=at(60), reason=""), PhaseEntered(at=at(60), phase="writing"))
    report = graded(run, render(QUIET))
    assert report.verdict == "fail"
    assert {"good_share", "operated", "root_cause"} <= set(report.failed)


def test_what_the_lab_did_not_measure_makes_the_run_void() -> None:
    run = unsolved_run()
    run.values["objective.good_share"] = lambda s: None if s > 300 else 0.85
    assert graded(run, reference()).verdict == "void"
    ended = solved_run().add(PhaseEntered(at=at(300), phase="void", reason="the machine slept"))
    assert graded(ended, reference()).verdict == "void"


def test_a_broken_safeguard_fails_even_where_an_objective_is_unknown() -> None:
    run = unsolved_run()
    run.values["objective.good_share"] = lambda s: None if s > 300 else 0.85
    run.values["offered"] = lambda s: 80.0
    assert graded(run, reference()).verdict == "fail"


def test_a_bundle_grades_the_same_after_the_disk_and_again(tmp_path: Path) -> None:
    for index, note in enumerate(
        (reference(), reference(root_cause="release-defect", started="14:02"), EMPTY_TEMPLATE)
    ):
        run = solved_run()
        run.note = note
        run.values["good_share"] = lambda s: 0.85 + s * 1e-7 if 80 <= s < 182 else 1 / 3 + 0.6
        bundle = run.bundle()
        write_bundle(tmp_path / f"{index}.json.gz", bundle)
        assert grade(read_bundle(tmp_path / f"{index}.json.gz")) == grade(bundle, CAUSES) == grade(bundle)


def test_a_scenario_of_another_lab_is_refused() -> None:
    bundle = solved_run().bundle()
    bundle.scenario_yaml += "novelty: 1\n"
    with pytest.raises(ContentError):
        grade(bundle, CAUSES)


def test_the_debrief_tells_truth_timeline_and_scores() -> None:
    run = solved_run()
    run.note = reference(severity="SEV4")
    bundle = run.bundle()
    text = render_debrief(bundle, grade(bundle, CAUSES), "## The story\n\nIt happened to somebody.\n", CAUSES)
    order = [
        "+ steady state", "tom deploys feed 2.3.2",
        "priya deploys model-server 2.4.1: Stricter input checks (the cause)",
        "onset: it bites", "alert GoodShareBurn fires", "> declared SEV2", "> diagnosis: release-slow-path",
        "> Deployment model-server: image 2.4.1 -> 2.3.1", "every objective right from here on", "> resolved",
    ]  # fmt: skip
    positions = [text.index(piece) for piece in order]
    assert positions == sorted(positions)
    assert (
        "It could first have been seen at 14:01:50 UTC, by the alert GoodShareBurn; you declared it 30 s later." in text
    )
    assert "A release with a slow path (`release-slow-path`)" in text
    assert "| severity | 0 of 4.55 | expected SEV2" in text
    assert text.rstrip().endswith("It happened to somebody.")


def test_the_debrief_of_a_quiet_run_says_that_there_was_nothing() -> None:
    run = quiet_run()
    run.note = render(QUIET)
    bundle = run.bundle()
    text = render_debrief(bundle, grade(bundle, CAUSES), "", CAUSES)
    assert "There was nothing to see." in text
    assert "No fault (`no-fault`)" in text
    assert first_chance(facts_of(bundle, run.scenario)) == "There was nothing to see."
