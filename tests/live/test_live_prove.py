"""The proof of the scenario, on real processes: `lab prove` passes it, and takes everything down however it ends."""

from __future__ import annotations

import signal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from liveboxes import Box, Done, eventually

from lab.content.loader import load_scenario
from lab.keeper.proving.grounds import grounds
from lab.paths import places

pytestmark = [pytest.mark.live, pytest.mark.timeout(1500)]

SLUG = "hangs-now-and-then"
PLAYS = load_scenario(Path(__file__).parents[2] / "scenarios" / SLUG).proof.plays


@pytest.fixture(scope="module")
def proven(box: Box) -> Done:
    """Every play once."""
    return box.lab("prove", SLUG, "--json", "--junit", str(box.folder / "proofs.xml"), timeout=1400)


def test_every_play_is_proven(proven: Done) -> None:
    assert proven.code == 0, proven.out + proven.err
    assert (proven.json["passed"], proven.json["failed"], proven.json["void"]) == (len(PLAYS), 0, 0)


@pytest.mark.parametrize("name", list(PLAYS))
def test_a_play_comes_to_what_the_proof_says(proven: Done, name: str) -> None:
    (proof,) = [one for one in proven.json["proofs"] if one["play"] == name]
    assert proof["got"] == PLAYS[name].verdict, proof["why"]
    assert set(PLAYS[name].by) <= set(proof["failed"]), proof["why"]


def test_the_results_are_there_as_junit_and_nothing_is_left(proven: Done, box: Box) -> None:
    suites = ElementTree.parse(box.folder / "proofs.xml").getroot()
    assert (suites.get("tests"), suites.get("failures")) == (str(len(PLAYS)), "0")
    assert box.processes() == []
    assert list((box.folder / "home" / "data").glob("bundles/*")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_proving_that_is_ended_leaves_nothing_for_long(box: Box, number: signal.Signals) -> None:
    proving = box.start("prove", SLUG, "--play", "undo", "--play", "revert", "--jobs", "2")
    eventually(
        lambda: sum("lab.keeper" in " ".join(process.cmdline()) for process in box.processes()) > 0,
        120,
        "a run began",
    )
    proving.send_signal(number)
    said = proving.communicate(timeout=120)[1]
    assert "Traceback" not in said
    told: list[str] = []
    with grounds(places(box.environ, box.folder), box.environ, box.folder, None, told.append):
        eventually(lambda: box.processes() == [], 20, "no process of the labs is left")
    assert bool(told) == (number == signal.SIGKILL)
