"""What lazy, wrong and unkind notes score: each has its band, and all but the last stay below the pass mark."""

from __future__ import annotations

from dataclasses import replace

import pytest
from grading_notes import EMPTY_TEMPLATE, QUIET, REFERENCE, SECTIONS, reference, with_sections
from incident_runs import Run, quiet_run, solved_run

from lab.content.causes import load_causes
from lab.grading.facts import facts_of
from lab.grading.grade import PASS_MARK
from lab.grading.note import NoteGrade, grade_note, render
from lab.grading.report import ScoreLine

CAUSES = load_causes()
EVERY_CAUSE = [cause.id for cause in CAUSES]


def graded(note: str | None, run: Run | None = None) -> NoteGrade:
    run = run or solved_run()
    return grade_note(note, facts_of(run.bundle(), run.scenario), CAUSES)


def line(grade: NoteGrade, part: str) -> ScoreLine:
    return next(one for one in grade.lines if one.part == part)


BLAMEFUL = with_sections(
    Root_cause_and_trigger=SECTIONS["Root cause and trigger"] + " Priya should have tested it; it was human error."
)
GENERIC = {
    "Summary": "Users noticed that the service was not as it should be for some time today.",
    "Root cause and trigger": "A release of one component behaved worse than the one that it replaced.",
    "Mitigation": "We rolled the last release back and watched the graphs until they were fine.",
    "Actions": "We will test releases before they go out and alert on what users feel.",
}
CONSTANT = replace(
    REFERENCE, root_cause="release-defect", change="none", bad_version="latest", good_version="previous",
    started="09:00", detected="09:05", mitigated="09:10", resolved="09:15", sections=GENERIC,
    actions=tuple(replace(action, addresses="release-defect") for action in REFERENCE.actions),
)  # fmt: skip
ANOTHER_SCENARIO = replace(
    REFERENCE, root_cause="concept-drift", component="monitor", change="deadbeef",
    bad_version="1.2.0", good_version="1.1.0",
    sections=GENERIC | {"Root cause and trigger": "The world changed: June is busier than the months it learned from."},
    actions=tuple(replace(action, addresses="concept-drift") for action in REFERENCE.actions),
)  # fmt: skip

BANDS = {
    "none": (None, 0, 0),
    "empty": ("", 0, 0),
    "copied template": (EMPTY_TEMPLATE, 0, 0),
    "every cause": (reference(root_cause="", sections=GENERIC).replace(
        "root_cause:", f"root_cause: [{', '.join(EVERY_CAUSE)}]"), 50, 60),
    "every cause in one line": (reference(root_cause=", ".join(EVERY_CAUSE), sections=GENERIC), 50, 60),
    "constant best guess": (render(CONSTANT), 35, 60),
    "constant guess that hits the cause": (render(replace(CONSTANT, root_cause="release-slow-path")), 50, 69.9),
    "another scenario's note": (render(ANOTHER_SCENARIO), 25, 60),
    "perfect front matter, empty body": (reference(sections={}), 55, 60),
    "perfect front matter, template body": (
        reference(sections={}) + EMPTY_TEMPLATE.split("---\n", 2)[2], 55, 60),
    "perfect front matter, one sentence everywhere": (
        reference(sections=dict.fromkeys(SECTIONS, "It was bad and then somehow it got better again.")), 55, 60),
    "right body, wrong cause": (reference(root_cause="memory-limit-too-low"), 40, 60),
    "symptom for a cause": (reference(root_cause="high-latency"), 40, 60),
}  # fmt: skip


@pytest.mark.parametrize("name", BANDS)
def test_baselines_stay_in_their_band_below_the_pass_mark(name: str) -> None:
    note, low, high = BANDS[name]
    score = graded(note).score
    assert low <= score <= high
    assert score < PASS_MARK


def test_the_reference_note_loses_nothing() -> None:
    grade = graded(reference())
    assert grade.score == 100.0, [one for one in grade.lines if one.points < one.of]
    assert grade.root_cause_named


def test_blameful_but_right_loses_just_its_four_of_sixty_six_points() -> None:
    grade = graded(BLAMEFUL)
    assert grade.score == pytest.approx(100 * 62 / 66, abs=0.1)
    assert grade.score >= PASS_MARK
    assert "Priya should have tested it" in line(grade, "blameless").why


def test_a_wrong_cause_and_empty_sections_cap_a_note_at_sixty() -> None:
    for note in (reference(root_cause="memory-limit-too-low", sections=SECTIONS), reference(sections={})):
        grade = graded(note)
        assert grade.score <= 60
        assert sum(one.points for one in grade.lines) == pytest.approx(grade.score, abs=0.2)


def test_one_missing_section_does_not_cap_and_two_do() -> None:
    one = {key: text for key, text in SECTIONS.items() if key != "Actions"}
    two = {key: text for key, text in one.items() if key != "Mitigation"}
    assert graded(reference(sections=one)).score == pytest.approx(100 * 64 / 66, abs=0.1)
    capped = graded(reference(sections=two))
    assert capped.score == 60
    assert "sections" in line(capped, "cap").why


def test_quiet_runs_ask_for_cause_sections_actions_and_tone_alone() -> None:
    grade = graded(render(QUIET), quiet_run())
    assert grade.score == 100.0
    assert {one.part for one in grade.lines} == {"sections", "root_cause", "actions", "blameless"}
    assert graded(reference(), quiet_run()).score <= 60
    assert graded(EMPTY_TEMPLATE, quiet_run()).score == 0
    assert graded(render(QUIET)).score <= 60


def test_every_lost_point_says_what_was_expected() -> None:
    notes = [note for note, _, _ in BANDS.values()] + [BLAMEFUL]
    for note in notes:
        for one in graded(note).lines:
            if one.of and one.points < one.of:
                assert any(word in one.why for word in ("expected", "from the record", "out of order", "is no time")), (
                    one
                )
