"""`lab prove` and `lab try` as scripts meet them: exit codes, JSON, JUnit, and what they refuse."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lab.cli import prove
from lab.cli.main import main
from lab.cli.output import FAILED, OK, USAGE, VOID
from lab.errors import MissingError
from lab.keeper.proving.pool import Say
from lab.keeper.proving.proofs import Proof, Trial

SLUG = "hangs-now-and-then"
Prove = Callable[[Trial], Proof]


def proof(trial: Trial, got: Any, *failed: str) -> Proof:
    play, why = trial.play, "so <it> & went"
    return Proof(trial.loaded.slug, trial.seed, trial.name, play.verdict, play.by, got, failed, 61.5, why)


def as_it_must(trial: Trial) -> Proof:
    return proof(trial, trial.play.verdict, *trial.play.by)


class Call:
    """The command with a made-up prover in place of real stacks."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.capsys = folder, capsys
        self.prove: Prove = as_it_must
        call = self

        class FakeProver:
            def __init__(self, ground: Any, name: str, starting: Any, keep: Path) -> None:
                self.name = name

            def prove(self, trial: Trial, say: Say, stop: threading.Event) -> Proof:
                return call.prove(trial)

            def close(self) -> None:
                return

        monkeypatch.setattr(prove, "Prover", FakeProver)

    def __call__(self, *argv: str) -> tuple[int, str, str]:
        environ = {**os.environ, "LAB_HOME": str(self.folder / "home")}
        code = main(argv, environ, self.folder, self.folder)
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    return Call(tmp_path, capsys, monkeypatch)


def test_all_as_they_must_be_is_exit_0_with_the_fields_that_others_rely_on(call: Call) -> None:
    code, out, err = call("prove", SLUG, "--seeds", "1,2", "--json")
    body = json.loads(out)
    assert code == OK
    assert (body["failed"], body["void"], body["passed"]) == (0, 0, len(body["proofs"]))
    assert {"scenario", "seed", "play", "expected", "got", "seconds", "why"} <= body["proofs"][0].keys()
    assert [one["seed"] for one in body["proofs"][:2]] == [1, 2]
    assert err.count("as it must") == len(body["proofs"])


@pytest.mark.parametrize(
    ("got", "code"),
    [({"undo": "fail"}, FAILED), ({"undo": "void"}, VOID), ({"undo": "void", "nothing": "pass"}, FAILED)],
)
def test_failed_is_exit_1_and_void_alone_is_exit_5(call: Call, got: dict[str, str], code: int) -> None:
    call.prove = lambda trial: proof(trial, got[trial.name]) if trial.name in got else as_it_must(trial)
    done, out, _ = call("prove", SLUG)
    assert done == code
    assert "undo (seed 1): so <it> & went" in out


def test_failing_by_something_else_is_not_proven(call: Call) -> None:
    call.prove = lambda trial: proof(trial, "fail", "serving")
    code, out, _ = call("prove", SLUG, "--play", "nothing", "--json")
    assert code == FAILED
    assert json.loads(out)["proofs"][0]["outcome"] == "failed"


def test_junit_has_a_case_for_each_proof(call: Call, tmp_path: Path) -> None:
    call.prove = lambda trial: proof(trial, "void") if trial.name == "undo" else proof(trial, "pass")
    path = tmp_path / "deep" / "proofs.xml"
    assert call("prove", SLUG, "--play", "undo", "--play", "nothing", "--play", "revert", "--junit", str(path))[0] == 1
    suites = ElementTree.parse(path).getroot()
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("3", "1", "1")
    assert [case.get("name") for case in suites.iter("testcase")] == [
        "undo (seed 1)", "revert (seed 1)", "nothing (seed 1)",
    ]  # fmt: skip
    assert next(suites.iter("failure")).text == "so <it> & went"


def test_what_no_retry_brings_ends_it_in_words(call: Call) -> None:
    def lack(trial: Trial) -> Proof:
        raise MissingError("No Prometheus", "there is none.", "Install one.")

    call.prove = lack
    code, out, _ = call("prove", SLUG, "--json")
    assert code == 3
    assert json.loads(out)["error"]["title"] == "No Prometheus"


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (("prove", "hangs-now-and-than"), SLUG),
        (("prove", SLUG, "--play", "undoo"), "undo"),
        (("prove", SLUG, "--seeds", "one"), "--seeds 1,2,3"),
        (("prove", SLUG, "--jobs", "0"), "1 or more"),
        (("try", SLUG), "--reveal"),
        (("try", SLUG, "--reveal", "--play", "undoo"), "undo"),
    ],
)
def test_what_cannot_be_is_refused_with_what_could(call: Call, argv: tuple[str, ...], word: str) -> None:
    code, _, err = call(*argv)
    assert code == USAGE
    assert word in err
    assert "Traceback" not in err


def test_nothing_changed_is_nothing_to_prove(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "changed_scenarios", lambda root, environ: frozenset())
    code, out, _ = call("prove", "--changed")
    assert code == OK
    assert "Nothing to prove" in out
