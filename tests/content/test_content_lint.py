"""Each cross check refuses what it is for, at the line, and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.content.causes import Causes
from lab.content.lint import lint
from lab.content.loader import load_scenario
from lab.errors import Problem

Apply = Callable[..., list[Problem]]

S, P, D = "scenario.yaml", "proof.yaml", "debrief.md"

CASES: list[tuple[str, str, str, str, str, str]] = [
    # file, text, replacement, where, part of what, part of next_step
    (S, 'tag: "9.0.1"', 'tag: "9.0.2"', "events[0].deploy.tag", "no release file", "feed-9.0.1"),
    (S, '["9.1.0", "9.1.1"]', "[]", "events[1].deploy.tag", "chosen by the seed", "seeded.tag"),
    (S, '["9.1.0", "9.1.1"]', '["9.1.0", "9.1.1", "9.1.1"]', "seeded.tag[2]", "listed twice", "once"),
    (S, "tag: seeded", 'tag: "9.1.0"', "seeded.tag", "used by no event", "tag: seeded"),
    (S, 'tag: "9.0.1"', "tag: seeded", "events[1].deploy.tag", "second seeded tag", "one event"),
    (S, "[75, 120]", "[120, 75]", "seeded.strike_seconds", "down to 75", "smaller number first"),
    (S, "[75, 120]", "[30, 120]", "events[0].at", "30 s before the start", "to 60"),
    (S, "at: strike - 60s", "at: strike + 60s", "events", "order of time", "sort"),
    (S, "minutes: 12", "minutes: 3", "minutes", "leaves less than 4m", "write 7"),
    (S, "{at: 0s, rps: 40}", "{at: 5s, rps: 40}", "traffic[0].at", "without a plan", "at: 0s"),
    (S, "  - {at: 0s, rps: 40}", "  - {at: 0s, rps: 40}\n  - {at: 0s, rps: 9}", "traffic", "order of time", "sort"),
    (S, "release-slow-path", "release-slow-pth", "truth.root_cause", "not in the vocabulary", "`release-slow-path`"),
    (S, "release-slow-path", "high-latency", "truth.root_cause", "a symptom", "`"),
    (S, "release-slow-path", "release-defect", "truth.root_cause", "a family", "`"),
    (S, "release-slow-path", "no-fault", "family", "does not go with", "quiet"),
    (S, "family: bad-deploy", "family: quiet", "family", "does not go with", "no-fault"),
    (S, "change: {event: 1}", "change: {event: 2}", "truth.change.event", "no event 2", "0 to 1"),
    (S, "change: {event: 1}", "change: {event: 0}", "truth.red_herrings[0].event", "the change itself", "another"),
    (S, "[{event: 0}]", "[{event: 7}]", "truth.red_herrings[0].event", "no event 7", "0 to 1"),
    (S, "[{event: 0}]", "[{event: 0}, {event: 0}]", "truth.red_herrings[1].event", "twice", "once"),
    (S, "  component: model-server", "  component: gateway", "truth.component", "deploys model-server", "agree"),
    (S, "[answer_seconds]", "[answr_seconds]", "truth.evidence[0]", "not a metric", "`answer_seconds`"),
    (S, "[answer_seconds]", "[]", "truth.evidence", "is empty", "name the metrics"),
    (S, 'promql: "job:good:share", must: "< 0.97"', 'promql: "job:god:share", must: "< 0.97"', "bites.promql",
     "not a metric", "`job:good:share`"),
    (S, 'promql: "job:good:share", must: "> 0.98"', 'promql: "1 > 0", must: "> 0.98"', "objectives[0].promql",
     "reads no metric", "telemetry.yaml"),
    (S, 'must: "> 0.98"', 'must: "> 0.5"', "objectives[0].must", "while the fault bites", "exclude"),
    (S, "visible: GoodBurn", "visible: GodBurn", "visible", "not an alert", "`GoodBurn`"),
    (S, "safeguards: [serving", "may_change: [Other]\nsafeguards: [serving", "may_change[0]", "not an alert",
     "GoodBurn"),
    (S, "objectives:\n", "impact: god_share\nobjectives:\n", "impact", "not an objective", "`good_share`"),
    (S, "{name: good_share,", "{name: serving,", "objectives[0].name", "is a safeguard", "another name"),
    (S, "safeguards: [serving,", "safeguards: [serving, serving,", "safeguards[1]", "twice", "once"),
    (S, "objectives:\n", "objectives:\n  - {name: good_share, promql: answers_total, must: '> 1', hold: 5s}\n",
     "objectives[1].name", "twice", "own name"),
    (S, "hold: 20s", "hold: 0s", "objectives[0].hold", "no time", "10s"),
    (S, "{after: 3m, cost", "{cost", "hints[0]", "never offered", "when"),
    (S, "{after: 3m", "{when: {never_queried: answr_seconds}", "hints[0].when.never_queried", "not a metric", "answer"),
    (S, "title: Callers wait for some answers", "title: Callers meet slowness", "title", "`slowness`", "people see"),
    (S, "Nobody knows", "The new code has slow paths. Nobody knows", "briefing", "gives the cause away", "people see"),
    (S, "Stricter input checks", "Release slow path", "events[1].deploy.message", "gives the cause away", "people see"),
    (S, "Look at the other end.", "There is a slow path.", "hints[0].text", "gives the cause away", "people see"),
    ("releases/model-server-9.1.0.yaml", "Stricter checks.", "Takes the slow path.", "notes", "gives the cause away",
     "honest author"),
    (P, "give_up: 45s", "give_up: 20s", "give_up", "is 20 s", "longest hold"),
    (P, "by: [serving]", "by: [servin]", "plays.scale_to_zero.by[0]", "neither an objective", "`serving`"),
    (P, "by: [serving]", "by: [alerting]", "plays.scale_to_zero.by[0]", "neither an objective", "`"),
    (P, "{verdict: fail, by: [serving]", "{verdict: fail", "plays.scale_to_zero", "fails by nothing", "name in `by`"),
    (P, "{verdict: pass, steps: [{rollout", "{verdict: pass, by: [serving], steps: [{rollout", "plays.undo.by",
     "that fail", "drop"),
    (P, "  nothing: {verdict", "  idle: {verdict", "plays", "no play `nothing`", "steps: []"),
    (P, "steps: []", "steps: [{apply: .}]", "plays.nothing.steps", "does something", "steps: []"),
    (P, "  nothing: {verdict: fail, by: [good_share]", "  nothing: {verdict: pass", "plays.nothing.verdict", "is pass",
     "write fail"),
    (P, "  cut: {verdict: fail, by: [good_share]", "  cut: {verdict: pass", "plays", "2 plays that fail",
     "until there"),
    (P, "{event: 1}", "{event: 2}", "plays.revert.steps[0].git_revert.event", "no event 2", "0 to 1"),
    (P, "{apply: .}", "{silence: GoodBrn}", "plays.revert.steps[1].silence", "not an alert", "`GoodBurn`"),
    (P, "{apply: .}", "{apply: ../..}", "plays.revert.steps[1].apply", "leaves the platform repo", "inside"),
    (P, "deployment/gateway", "deployment/gatewy", "plays.cut.steps[0].set_env.deployment/gatewy", "not a deployment",
     "`deployment/gateway`"),
    (P, "{scale: {deployment/model-server: 0}}", "{scale: {}}", "plays.scale_to_zero.steps[0].scale", "no deployment",
     "name one"),
    (D, "## Modelled on", "## Taken from", "headings", "`## Modelled on` is missing", "add it"),
    (D, "job:good:share", "job:god:share", "promql", "not a metric", "`job:good:share`"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "what", "step"), CASES, ids=[f"{case[3]}: {case[4]}" for case in CASES]
)
def test_lint_refuses(
    folder: Path, problems_after: Apply, file: str, old: str, new: str, where: str, what: str, step: str
) -> None:
    """Breaking one thing is reported under its path, with what to do."""
    problems = problems_after((file, old, new))
    found = [problem for problem in problems if problem.where == where and what in problem.what]
    assert found, "\n".join(str(problem) for problem in problems)
    assert step in found[0].next_step
    assert found[0].path == (folder / file).as_posix()
    assert found[0].line >= 1


def test_clean_folder_has_no_problems(problems_after: Apply) -> None:
    """The fixture itself is right, so every case above shows its own rule."""
    assert problems_after() == []


def test_lines_point_at_the_fault(problems_after: Apply) -> None:
    """The line is that of the value in its own file."""
    (problem,) = problems_after(("scenario.yaml", "visible: GoodBurn", "visible: GodBurn"))
    assert "plain-symptom/scenario.yaml:20: visible: " in str(problem)


def test_names_of_a_folder_may_not_give_the_cause_away(folder: Path, causes: Causes) -> None:
    """The slug is scanned by stem, like the title."""
    renamed = folder.rename(folder.with_name("slower-answers"))
    problems = lint(load_scenario(renamed), causes, None)
    assert [problem.where for problem in problems] == ["folder"]
    assert "`slower`" in problems[0].what


def test_unused_release_file_is_reported(folder: Path, problems_after: Apply) -> None:
    """A release that nothing deploys is a left-over."""
    (folder / "releases" / "gateway-9.9.9.yaml").write_text("notes: Something.\n")
    (problem,) = problems_after()
    assert "gateway-9.9.9.yaml is used by no event" in problem.what
