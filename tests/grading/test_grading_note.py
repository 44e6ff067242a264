"""What must change nothing in a note, what must cost, and what its form is told."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from grading_notes import EMPTY_TEMPLATE, QUIET, REFERENCE, SECTIONS, reference, with_sections
from hypothesis import given, settings
from hypothesis import strategies as st
from incident_runs import SCENARIO, changed, closed, declared, diagnosed, quiet_run, solved_run
from test_grading_baselines import CAUSES, graded, line

from lab.grading.actions import is_role
from lab.grading.facts import facts_of
from lab.grading.layout import KEYS
from lab.grading.moments import parse_moment
from lab.grading.note import Action, grade_note, lint, render
from lab.grading.severity import right_severities
from lab.incident.events import ResolveAccepted

SAME = {
    "other order of sections": reference(sections=dict(reversed(SECTIONS.items()))),
    "other order of keys": "---\n" + "\n".join(
        [*re.findall(r"^\w.*$", reference().split("---\n")[1].split("actions:")[0], re.M)[::-1],
         "actions:" + reference().split("---\n")[1].split("actions:")[1]]) + "---\n" + reference().split("---\n", 2)[2],
    "paraphrase": with_sections(
        Summary="Some users waited very long for an answer during two minutes, roughly every seventh request.",
        Mitigation="Going back to the release of before made everything quick again for all of them."),
    "windows line ends and a mark": "\ufeff" + reference().replace("\n", "\r\n"),
    "another time zone": reference(
        started="2026-10-01T16:01:35+02:00", detected="2026-10-01 10:02:20 -0400", mitigated="19:33:20+05:30",
        resolved="16:03:45 +02:00"),
    "clock alone": reference(started="14:01:35", detected="14:02", mitigated="14:03:20 UTC", resolved="14:03:45Z"),
    "fractions and epoch": reference(started="14:01:35.250", detected="1790863340", mitigated="1790863400.5"),
    "other spellings": reference(
        severity="sev-2", root_cause="Release Slow Path", component="deployment/model-server", bad_version="v2.4.1",
        good_version="mlops-lab/model-server:2.3.1", change="B2C3D4E5F607"),
    "the title of the cause": reference(root_cause="A release with a slow path"),
    "quoted and spaced": reference().replace(
        "root_cause: release-slow-path", 'root_cause:   "release-slow-path"  # sure'),
    "one answer as a list": reference().replace("root_cause: release-slow-path", "root_cause: [release-slow-path]"),
    "deeper headings and numbers": reference().replace("## Summary", "### 1. **Summary**:"),
    "other heading names": reference().replace("## Root cause and trigger", "## Root cause")
    .replace("## Actions", "## Action items"),
    "more sections": reference() + "\n## Timeline\n\n- 14:01:35 it began\n\n## Whatever\n\nmore\n",
    "dashes at the margin": re.sub(r"^  (?=- do|  \w)", "", reference(), flags=re.M),
    "other numbers": with_sections(Summary=SECTIONS["Summary"] + " It was 14,3 % or 0.143 or 1/7 of 5 200."),
    "not to blame": with_sections(Mitigation=SECTIONS["Mitigation"] + " Nobody is to blame. Priya released 2.4.1."),
    "quoted blame": with_sections(Mitigation=SECTIONS["Mitigation"] + '\n\n> "Priya broke it", a customer wrote.\n'),
    "template hints left in": reference().replace("severity: SEV2", "severity: SEV2  # SEV1 half of all requests"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_form_and_paraphrase_change_nothing(name: str) -> None:
    grade = graded(SAME[name])
    assert grade.score == 100.0, [one for one in grade.lines if one.points < one.of]


COSTS = {
    "parent cause": (reference(root_cause="release-defect"), "root_cause", 8),
    "symptom": (reference(root_cause="high-latency"), "root_cause", 3),
    "decoy": (reference(root_cause="memory-limit-too-low"), "root_cause", 0),
    "unknown cause": (reference(root_cause="gremlins"), "root_cause", 0),
    "two causes": (reference(root_cause="release-slow-path, release-errors"), "root_cause", 0),
    "cause given twice": (reference().replace("change:", "root_cause: release-errors\nchange:"), "root_cause", 0),
    "component": (reference(component="gateway"), "component", 0),
    "innocent change": (reference(change="0a1b2c3d"), "change", 0),
    "too short a hash": (reference(change="b2c3"), "change", 0),
    "innocent version": (reference(bad_version="2.3.2"), "bad_version", 0),
    "bad for good": (reference(good_version="2.4.1"), "good_version", 0),
    "no time": (reference(started="yesterday"), "started", 0),
    "late by 30 %": (reference(resolved="14:04:24"), "resolved", 1.5),
    "late by half": (reference(resolved="14:04:50"), "resolved", 0),
    "severity next to it": (reference(severity="SEV1"), "severity", 1),
    "severity far off": (reference(severity="SEV4"), "severity", 0),
    "no action prevents": (reference(actions=REFERENCE.actions[1:]), "actions", 5),
    "person as owner": (
        reference(actions=(replace(REFERENCE.actions[0], owner="Priya"), REFERENCE.actions[1])), "actions", 6),
    "due too late": (
        reference(actions=(replace(REFERENCE.actions[0], due="2027-03-01"), REFERENCE.actions[1])), "actions", 6),
    "about something else": (
        reference(actions=tuple(replace(one, addresses="concept-drift") for one in REFERENCE.actions)), "actions", 6),
    "same action twice": (
        reference(actions=(REFERENCE.actions[0], replace(REFERENCE.actions[0], type="detect"))), "actions", 5),
    "no actions": (reference(actions=()), "actions", 0),
}  # fmt: skip


@pytest.mark.parametrize("name", COSTS)
def test_what_is_wrong_costs_its_own_part_alone(name: str) -> None:
    note, part, points = COSTS[name]
    grade = graded(note)
    found = line(grade, part)
    assert found.points == pytest.approx(points * 100 / 66, abs=0.06)
    others = [one for one in grade.lines if one.part not in (part, "cap", "contradiction") and one.points < one.of]
    assert others == []


def test_times_in_the_wrong_order_cost_the_one_further_off() -> None:
    grade = graded(reference(detected="14:03:30", mitigated="14:03:18"))
    assert line(grade, "detected").points == 0
    assert line(grade, "mitigated").points == line(grade, "mitigated").of


def test_detection_is_anywhere_between_alert_and_declaration() -> None:
    for second in ("14:01:50", "14:02:05", "14:02:20"):
        assert graded(reference(detected=second)).score == 100


def test_what_the_run_did_not_have_is_not_asked() -> None:
    run = solved_run().without(ResolveAccepted)
    grade = graded(reference(resolved=""), run)
    assert grade.score == 100
    assert "resolved" not in {one.part for one in grade.lines}


def test_a_version_that_the_learner_put_in_force_is_a_good_one() -> None:
    run = solved_run().without(type(changed(0, "", ""))).add(changed(180, "model-server", "image 2.4.1 -> 2.2.9"))
    assert graded(reference(good_version="2.2.9"), run).score == 100
    assert graded(reference(good_version="2.3.1"), run).score == 100
    assert line(graded(reference(good_version="2.4.1"), run), "good_version").points == 0


def test_an_open_early_declaration_does_not_stand_for_detection() -> None:
    run = solved_run().without(type(declared(0))).add(declared(10))
    facts = facts_of(run.bundle(), run.scenario)
    assert facts.detected_at == diagnosed(170).at
    assert facts_of(run.add(closed(30)).bundle(), run.scenario).detected_at is None


CONTRADICTIONS = {
    "another cause in the body": with_sections(
        Root_cause_and_trigger="This was concept-drift: the world changed and the model did not follow it at all."),
    "another component in the body": with_sections(Mitigation=SECTIONS["Mitigation"] + "\n\nComponent: gateway\n"),
    "other versions in the body": with_sections(
        Root_cause_and_trigger="Release 1.9.3 went out and has a slow branch, which the release before did not have."),
    "another severity in the body": with_sections(Summary=SECTIONS["Summary"] + " This was a SEV4."),
    "another time in the body": with_sections(Mitigation=SECTIONS["Mitigation"] + " Mitigated at 14:30."),
    "another duration in the body": with_sections(Summary=SECTIONS["Summary"] + " It lasted 45 minutes."),
    "the cause ruled out": reference().replace(
        "---\n\n", "ruled_out:\n  - {hypothesis: release-slow-path}\n---\n\n", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_each_contradiction_costs_five_and_the_form_check_finds_it_too(name: str) -> None:
    grade = graded(CONTRADICTIONS[name])
    assert grade.score == pytest.approx(95.0)
    assert line(grade, "contradiction").points == -5
    problems = lint(CONTRADICTIONS[name], "note.md", CAUSES)
    assert [problem.where for problem in problems] == ["contradiction"]


@pytest.mark.parametrize(
    "text",
    [
        "We first suspected memory-limit-too-low. It was not memory-limit-too-low, it was release-slow-path in 2.4.1.",
        "It was a release-defect: 2.4.1 of the model server has a slow branch for a part of its requests.",
        "The gateway timed out and the feed saw it, since the model server took a slow branch. It lasted 2 minutes.",
        "It lasted about 1 minute and 45 seconds. Started at 14:01:35, mitigated at 14:03:20, resolved 14:03:45.",
    ],
)
def test_agreement_and_ruled_out_suspects_are_no_contradictions(text: str) -> None:
    assert graded(with_sections(Root_cause_and_trigger=text)).score == 100


BLAMES = [
    "Tom broke the build.", "Because of priya the release went out.", "This was Priya's mistake.",
    "The engineer on duty was fine, but the developer forgot a test.", "It was operator error.",
    "The root cause was Tom.", "Somebody made a mistake.", "The careless review let it through.",
    "The junior engineer should have waited.",
]  # fmt: skip


@pytest.mark.parametrize("sentence", BLAMES)
def test_sentences_that_make_a_person_the_cause(sentence: str) -> None:
    assert line(graded(with_sections(Mitigation=f"{SECTIONS['Mitigation']} {sentence}")), "blameless").points == 0


@pytest.mark.parametrize(
    "sentence",
    [
        "Priya deployed 2.4.1 at 14:01:20 and helped to undo it.",
        "The release was caused by nobody's error; the review had no latency figures to look at.",
        "The on-call engineer undid the rollout.",
        "There was no human error here.",
        'The ticket said: "Tom broke the score".',
        "The cause was Priya's release 2.4.1, which no canary had compared.",
    ],
)
def test_sentences_that_merely_name_people_are_fine(sentence: str) -> None:
    assert graded(with_sections(Mitigation=f"{SECTIONS['Mitigation']} {sentence}")).score == 100


def test_tone_is_not_judged_in_a_language_without_a_lexicon() -> None:
    texts = {
        "Summary": "Zwischen 14:01 und 14:03 dauerte jede siebte Anfrage viel zu lange, alle anderen liefen wie immer.",
        "Root cause and trigger": "Die neue Fassung 2.4.1 nimmt bei manchen Anfragen einen langsamen Umweg.",
        "Mitigation": "Wir haben die vorige Fassung wieder eingesetzt, danach liefen alle Anfragen schnell.",
        "Actions": "Vor jedem Ausrollen wird die langsame Seite der Verteilung verglichen und danach beobachtet.",
    }
    grade = graded(reference(sections=texts))
    assert grade.score == 100
    assert line(grade, "blameless").of == 0


def test_japanese_sections_have_words() -> None:
    text = "新しいリリースの一部の要求が遅い経路を通り利用者は長く待たされたため以前の版に戻した"
    sections = {heading: text[index:] for index, heading in enumerate(SECTIONS)}
    assert line(graded(reference(sections=sections)), "sections").points == pytest.approx(8 * 100 / 62, abs=0.1)


BROKEN = {
    "unclosed quote": ('severity: SEV2', 'severity: "SEV2', "severity"),
    "colon in text": ("incident: 20261001-140000-ab12", "incident: it: broke", "incident"),
    "tab": ("component: model-server", "component:\n\t- model-server", "component"),
    "garbage": ("component: model-server", "component: model-server\n%%%", "front matter"),
    "alias": ("severity: SEV2", "severity: *loud", "severity"),
    "nested too deeply": ("severity: SEV2", "severity: " + "[" * 50 + "]" * 50, "severity"),
    "unknown key": ("severity: SEV2", "severety: SEV2", "severety"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_malformed_front_matter_is_located_and_the_rest_is_scored(name: str) -> None:
    old, new, where = BROKEN[name]
    note = reference().replace(old, new, 1)
    problems = lint(note, "note.md", CAUSES)
    assert where in {problem.where for problem in problems}
    assert all(1 <= problem.line <= note.count("\n") + 1 for problem in problems)
    assert graded(note).score >= 90


def test_front_matter_that_is_not_closed_is_read_up_to_the_first_heading() -> None:
    note = re.sub(r"\n---\n", "\n", reference(), count=1)
    assert "is not closed" in {problem.what for problem in lint(note, "note.md", CAUSES)}
    assert graded(note).score == 100


def test_without_front_matter_the_body_still_counts() -> None:
    grade = graded(reference().split("---\n", 2)[2])
    assert line(grade, "sections").points == line(grade, "sections").of


def test_the_reference_and_the_quiet_note_have_a_clean_form() -> None:
    assert lint(reference(), "note.md", CAUSES) == []
    assert lint(render(QUIET), "note.md", CAUSES) == []


def test_the_form_check_of_an_empty_template_names_every_gap_by_line() -> None:
    problems = lint(EMPTY_TEMPLATE, "note.md", CAUSES)
    lines = EMPTY_TEMPLATE.split("\n")
    for problem in problems:
        if problem.where in KEYS and problem.where != "actions":
            assert lines[problem.line - 1].startswith(f"{problem.where}:")
    named = {problem.where for problem in problems}
    assert {"root_cause", "component", "change", "started", "severity", "Summary", "actions"} <= named
    assert all(problem.next_step for problem in problems)


def test_the_form_check_suggests_the_nearest_known_answer() -> None:
    note = reference(root_cause="release-slow-pth", component="modelserver", severity="high", started="2 pm")
    steps = {problem.where: problem.next_step for problem in lint(note, "note.md", CAUSES)}
    assert "release-slow-path" in steps["root_cause"]
    assert "model-server" in steps["component"]
    assert "SEV1" in steps["severity"]
    assert "14:03" in steps["started"]


def test_the_form_check_says_the_same_of_right_and_wrong_answers() -> None:
    wrong = reference(
        root_cause="concept-drift",
        component="monitor",
        change="1234567",
        bad_version="9.9.9",
        actions=tuple(replace(one, addresses="concept-drift") for one in REFERENCE.actions),
        sections=SECTIONS | {"Root cause and trigger": "The world has changed and the model has not followed."},
    )
    assert lint(wrong, "note.md", CAUSES) == lint(reference(), "note.md", CAUSES) == []


def test_the_template_is_the_same_for_a_quiet_run() -> None:
    assert solved_run().scenario.title == quiet_run().scenario.title
    assert "no-fault" in EMPTY_TEMPLATE


def test_render_and_read_agree_for_awkward_text() -> None:
    awkward = 'a: b # c "d" [e] {f} *g & %h\\'
    note = reference(actions=(Action(awkward, "prevent", "null", "no", "yes"), REFERENCE.actions[1]), incident=awkward)
    assert not [problem for problem in lint(note, "note.md", CAUSES) if problem.where in ("incident", "front matter")]
    assert graded(note).score > 90


FACTS = facts_of(solved_run().bundle(), solved_run().scenario)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=300), st.integers(0, 2**32))
def test_no_note_makes_the_grader_stumble(text: str, seed: int) -> None:
    note = reference()
    cut = random.Random(seed).randrange(len(note))
    for attempt in ("---\n" + text, note[:cut] + text + note[cut:], note[:cut]):
        assert 0 <= grade_note(attempt, FACTS, CAUSES).score <= 100
        for problem in lint(attempt, "note.md", CAUSES):
            assert problem.line >= 1


@pytest.mark.parametrize(
    "piece",
    ["\n", " ", "\u201c", '"', "`", "#", "# a ", "## Summary\n", "the ", "- do: a b c\n", "k: v\n", "lasted 1 minute ",
     "started at 10:00 ", "Tom broke it. ", "component:\n", "<!--", "[", "{", "*a ", "a: ", "release-slow-path ", "9"],
)  # fmt: skip
def test_endless_repetition_is_graded_without_end_of_patience(piece: str) -> None:
    for before in ("", "---\n", "---\nroot_cause: ", "---\nactions:\n", "---\n---\n## Root cause\n\nx "):
        note = before + piece * (20_000 // len(piece)) + " x"
        assert grade_note(note, FACTS, CAUSES).score < 70
        lint(note, "note.md", CAUSES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("14:03:05", 1790863385.0), ("2026-10-01T14:03:05Z", 1790863385.0), ("16:03:05+02:00", 1790863385.0),
     ("2026-10-01 16:03:05 UTC+2", 1790863385.0), ("14:03", 1790863380.0), ("25:00", None), ("noon", None), ("", None),
     ("2026-02-30T10:00:00Z", None), ("14:03:05 +99:00", None)],
)  # fmt: skip
def test_times_as_people_write_them(text: str, expected: float | None) -> None:
    moment = parse_moment(text, near=1790863200.0)
    assert (moment.start if moment else None) == expected


def test_a_clock_around_midnight_is_on_the_nearer_day() -> None:
    midnight = 1790812800.0
    before, after = parse_moment("23:59:00", midnight), parse_moment("00:01:00", midnight - 30)
    assert before is not None
    assert after is not None
    assert (before.start, after.start) == (midnight - 60, midnight + 60)


def test_severity_accepts_both_neighbours_near_a_border() -> None:
    assert right_severities(0.7) == ("SEV1",)
    assert set(right_severities(0.11)) == {"SEV2", "SEV3"}
    assert right_severities(0.05) == ("SEV3",)
    assert right_severities(0.001) == ("SEV4",)


def test_owners_are_roles() -> None:
    for role in ("serving team", "SRE", "on-call lead", "Data Platform", "ml engineer", "Betrieb"):
        assert is_role(role, ("tom", "priya")), role
    for person in ("Tom", "priya", "Maria Garcia", "me@example.org", "@tom", "", "tom (sre)"):
        assert not is_role(person, ("tom", "priya")), person


def test_the_severity_is_judged_by_the_promise_that_the_scenario_names() -> None:
    run = solved_run()
    run.scenario_yaml = SCENARIO.replace("objectives:\n", "impact: approved\nobjectives:\n").replace(
        "safeguards:", '  - {name: approved, promql: "approved", must: "> 0.99", hold: 20s}\nsafeguards:'
    )
    run.values["objective.approved"] = lambda s: 0.2 if 95 <= s < 200 else 1.0
    facts = facts_of(run.bundle(), run.scenario)
    assert facts.bad_share == pytest.approx(0.8, abs=0.01)
    assert line(grade_note(reference(severity="SEV1"), facts, CAUSES), "severity").points > 4
    assert line(grade_note(reference(severity="SEV3"), facts, CAUSES), "severity").points == 0
