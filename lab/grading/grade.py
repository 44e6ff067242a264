"""From an evidence bundle to a verdict and two scores; the same bundle always grades the same."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from lab.content.causes import Causes, load_causes
from lab.content.loader import parse_scenario
from lab.grading.facts import RunFacts, facts_of
from lab.grading.note import NoteGrade, grade_note
from lab.grading.operating import root_cause_named, score_operating
from lab.grading.report import Check, Report, ScoreLine, Verdict
from lab.incident.objectives import judge_objectives
from lab.incident.record import Bundle
from lab.incident.safeguards import judge_safeguards

PASS_MARK = 70.0
"""Least of each score that passes."""


def grade(bundle: Bundle, causes: Causes | None = None) -> Report:
    """
    The report on one run; without a note it explains nothing.

    Raises:
        ContentError: the scenario within the bundle cannot be read by this lab.
    """
    known = causes if causes is not None else _vocabulary()
    scenario = parse_scenario(bundle.scenario_yaml, f"{bundle.scenario}/scenario.yaml")
    facts = facts_of(bundle, scenario)
    checks = (
        *judge_objectives(scenario, bundle.samples, facts.state),
        *judge_safeguards(scenario, bundle.samples, facts.state),
    )
    operating = score_operating(facts, known)
    note = grade_note(bundle.note, facts, known)
    operated = round(_total(operating), 1)
    named = root_cause_named(facts, known) and note.root_cause_named
    failed = _failed(checks, operated, note, named)
    return Report(
        scenario=bundle.scenario,
        seed=bundle.seed,
        verdict=_verdict(facts, checks, failed),
        operated=operated,
        explained=note.score,
        failed=failed,
        checks=checks,
        lines=(*operating, *note.lines),
    )


@lru_cache(maxsize=1)
def _vocabulary() -> Causes:
    return load_causes()


def _total(lines: Iterable[ScoreLine]) -> float:
    return min(100.0, max(0.0, sum(line.points for line in lines)))


def _failed(checks: tuple[Check, ...], operated: float, note: NoteGrade, named: bool) -> tuple[str, ...]:
    names = [check.name for check in checks if check.verdict == "fail"]
    gates = {"operated": operated >= PASS_MARK, "explained": note.score >= PASS_MARK, "root_cause": named}
    return (*names, *(name for name, passed in gates.items() if not passed))


def _verdict(facts: RunFacts, checks: tuple[Check, ...], failed: tuple[str, ...]) -> Verdict:
    """Void where the lab failed, or where it did not measure what an objective needs and nothing else failed."""
    if facts.state.phase == "void":
        return "void"
    if any(check.verdict == "fail" for check in checks):
        return "fail"
    if any(check.kind == "objective" and check.verdict == "unknown" for check in checks):
        return "void"
    return "fail" if failed else "pass"
