"""Quiet scenarios, what a scenario's stack starts from, and the steps that plays may take in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.content.causes import Causes
from lab.content.lint import lint
from lab.content.loader import load_scenario
from lab.content.model import DeletePods, NothingWrong, Restart
from lab.content.telemetry import Telemetry
from lab.errors import ContentError, Problem

FIXTURE = Path(__file__).parent.parent / "fixtures" / "content" / "calm-noise"
S, P = "scenario.yaml", "proof.yaml"
Apply = Callable[..., list[Problem]]


@pytest.fixture
def quiet_after(tmp_path: Path, causes: Causes, telemetry: Telemetry) -> Apply:
    """Every problem of a quiet scenario after edits of its folder."""

    def apply(*edits: tuple[str, str, str]) -> list[Problem]:
        folder = Path(shutil.copytree(FIXTURE, tmp_path / "calm-noise"))
        for name, old, new in edits:
            text = (folder / name).read_text()
            assert old in text, f"{name} has no {old!r}"
            (folder / name).write_text(text.replace(old, new, 1))
        try:
            return lint(load_scenario(folder), causes, telemetry)
        except ContentError as error:
            return list(error.problems)

    return apply


def test_a_quiet_scenario_needs_no_fault_no_component_and_no_alert(quiet_after: Apply) -> None:
    assert quiet_after() == []


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "what"),
    [
        (S, "family: quiet", "family: drift", "document", "lacks bites, visible, truth.component"),
        (S, "  change: null", "  change: {event: 0}", "truth.change", "nothing is wrong"),
        (S, "  change: null", "  change: null\n  component: feed", "truth.component", "nothing is wrong"),
        (S, "objectives:", 'bites: {promql: "job:good:share", must: "< 0.9", within: 60s}\nobjectives:', "bites",
         "nothing is wrong"),
        (S, "objectives:", "visible: GodBurn\nobjectives:", "visible", "not an alert"),
        (S, "objectives:", "setup: {scale: {deployment/modl-server: 3}}\nobjectives:",
         "setup.scale.deployment/modl-server", "not a deployment"),
        (P, "nothing: {verdict: pass", "nothing: {verdict: fail, by: [operated]", "plays.nothing.verdict", "is fail"),
        (P, "  undo: {verdict: fail, by: [operated], steps: [{rollout_undo: deployment/feed}]}\n", "", "plays",
         "3 plays that fail"),
        (P, "answers_total", "answrs_total", "plays.delete.steps[0].delete_pods", "not a metric"),
        (P, "restart: deployment/gateway", "restart: deployment/gatewy", "plays.restart.steps[0].restart",
         "not a deployment"),
        (P, "nothing_wrong: {reason:", "nothing_wrong: {resaon:", "plays.say_so.steps[0].nothing_wrong.resaon",
         "not a key"),
    ],
)  # fmt: skip
def test_what_does_not_belong_in_a_quiet_scenario(
    quiet_after: Apply, file: str, old: str, new: str, where: str, what: str
) -> None:
    found = quiet_after((file, old, new))
    assert [one for one in found if one.where == where and what in one.what], "\n".join(str(one) for one in found)


def test_the_steps_are_told_apart_by_their_verb(quiet_after: Apply) -> None:
    plays = load_scenario(FIXTURE).proof.plays
    assert [type(plays[name].steps[0]) for name in ("restart", "delete", "say_so")] == [
        Restart, DeletePods, NothingWrong,
    ]  # fmt: skip


def test_only_a_quiet_play_may_fail_by_having_acted(problems_after: Apply) -> None:
    """Where something is wrong, a wrong fix breaks an objective or a safeguard, and that is what it has to show."""
    (problem,) = problems_after((P, "by: [serving]", "by: [operated]"))
    assert problem.where == "plays.scale_to_zero.by[0]"


def test_a_setup_of_known_deployments_is_fine(problems_after: Apply) -> None:
    assert problems_after((S, "traffic:", "setup: {scale: {deployment/model-server: 3}}\ntraffic:")) == []
