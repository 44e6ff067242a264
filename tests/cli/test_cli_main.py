"""The command line: exit codes, one JSON object on standard output, and never a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lab.cli.main import build_parser, main
from lab.cli.output import MISSING, TIMED_OUT, USAGE, VOID, exit_code
from lab.errors import (
    ClusterTimeout,
    ClusterUnavailable,
    ContentError,
    LabError,
    MissingError,
    NotSupported,
    RunError,
    RunVoid,
    SettingsError,
)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    environ = {**os.environ, "LAB_HOME": str(tmp_path / "home")}

    def call(*argv: str) -> tuple[int, str, str]:
        try:
            code = main(argv, environ, tmp_path, tmp_path)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RunVoid("t", "m", "n"), VOID),
        (ClusterTimeout("t", "m", "n"), TIMED_OUT),
        (MissingError("t", "m", "n"), MISSING),
        (ClusterUnavailable("t", "m", "n"), MISSING),
        (NotSupported("t", "m", "n"), MISSING),
        (SettingsError("t", "m", "n"), USAGE),
        (ContentError("t", []), USAGE),
        (RunError("t", "m", "n"), USAGE),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: LabError, code: int) -> None:
    assert exit_code(error) == code


def test_status_of_a_lab_that_never_ran(run: Any) -> None:
    code, out, _ = run("status", "--json")
    status = json.loads(out)
    assert code == 0
    assert status["run"] is None
    assert status["pids"] == []
    assert status["urls"] == {}
    assert status["on"] == "embedded"


def test_scenarios_are_listed_by_symptom_without_family(run: Any) -> None:
    code, out, _ = run("scenarios", "--json")
    assert code == 0
    rows = json.loads(out)["scenarios"]
    assert {"slug", "title", "level", "minutes", "best"} <= rows[0].keys()
    assert all("family" not in row for row in rows)


def test_an_unknown_scenario_names_the_nearest(run: Any) -> None:
    code, out, err = run("incident", "start", "hangs-now-and-than", "--json")
    assert code == USAGE
    assert "hangs-now-and-then" in json.loads(out)["error"]["next_step"] + json.loads(out)["error"]["message"]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "argv",
    [
        ("incident", "status"),
        ("incident", "declare"),
        ("incident", "resolve"),
        ("incident", "note"),
        ("incident", "hint"),
    ],
)
def test_incident_verbs_without_a_run_say_how_to_start_one(run: Any, argv: tuple[str, ...]) -> None:
    code, _, err = run(*argv)
    assert code == USAGE
    assert "lab incident start" in err


def test_ops_on_a_stack_that_is_down_says_how_to_start_it(run: Any) -> None:
    code, _, err = run("ops", "get", "pods")
    assert code == MISSING
    assert "lab up" in err


def test_an_unknown_engine_lists_those_there_are(run: Any) -> None:
    for argv in (("--on", "swarm", "status", "--json"), ("status", "--on", "swarm", "--json")):
        code, out, _ = run(*argv)
        assert code == USAGE
        assert "embedded, kind" in json.loads(out)["error"]["next_step"]


def test_images_lists_every_release_and_where_it_is_pulled_from(run: Any, tmp_path: Path) -> None:
    settings = tmp_path / "home" / "config" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('images = "registry.example/team"\n')
    found = json.loads(run("images", "--json")[1])
    assert "mlops-lab/feed:2.3.1" in found["images"]
    assert "mlops-lab/model-server:2.4.0" in found["images"]
    assert found["pulled_as"] == [f"registry.example/team/{name}" for name in found["images"]]
    assert run("images")[1].split() == found["images"]


def test_the_doctor_looks_at_every_engine(run: Any) -> None:
    found = json.loads(run("doctor", "--json")[1])
    assert found["on"] == "embedded"
    assert {"name", "ok", "found", "next_step"} == set(found["checks"][0])
    assert [other["on"] for other in found["others"]] == ["kind"]
    assert all(check["ok"] or check["next_step"] for check in found["checks"] + found["others"][0]["checks"])
    text = run("doctor")[1]
    assert "embedded (what `lab up` would use)" in text
    assert "kind (lab up --on kind)" in text


def test_which_lab_may_be_said_before_and_after_the_command(run: Any) -> None:
    folders = [json.loads(run(*argv)[1])["kubeconfig"] for argv in (
        ("--lab", "blue", "status", "--json"), ("status", "--lab", "blue", "--json"),
    )]  # fmt: skip
    assert folders[0] == folders[1]
    assert "/blue/" in folders[0]


def test_down_twice_is_fine(run: Any) -> None:
    assert run("down")[0] == 0
    assert run("down")[0] == 0


def test_a_bad_lab_name_and_a_relative_lab_home_are_refused(run: Any, tmp_path: Path) -> None:
    assert run("status", "--lab", "Über lab")[0] == USAGE
    assert main(("status",), {**os.environ, "LAB_HOME": "here"}, tmp_path, tmp_path) == USAGE


def test_grade_of_something_that_is_no_bundle(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    path.write_text("no")
    code, out, err = run("grade", str(path), "--json")
    assert code == USAGE
    assert json.loads(out)["error"]["next_step"]
    assert "Traceback" not in err


def test_note_template_and_lint_go_together(run: Any, tmp_path: Path) -> None:
    code, out, _ = run("note", "template", "hangs-now-and-then")
    assert code == 0
    note = tmp_path / "note.md"
    note.write_text(out)
    code, out, _ = run("note", "lint", str(note), "--json")
    assert code == 1
    assert {"path", "line", "where", "what", "next_step"} <= json.loads(out)["problems"][0].keys()


def test_causes_can_be_searched(run: Any) -> None:
    rows = json.loads(run("incident", "causes", "--json")[1])["causes"]
    assert len([row for row in rows if row["parent"]]) >= 40
    assert len(json.loads(run("incident", "causes", "memory", "--json")[1])["causes"]) < len(rows)


def test_every_command_of_the_contract_is_there() -> None:
    text = build_parser().format_help()
    for name in (
        "doctor",
        "up",
        "down",
        "status",
        "reset",
        "shell",
        "scenarios",
        "demo",
        "incident",
        "ops",
        "grade",
        "note",
        "check",
    ):
        assert name in text


def test_a_fault_of_the_lab_is_three_lines_and_a_log(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lab.cli.stack.current_run", lambda lab: 1 / 0)
    code, _, err = run("status")
    assert code == VOID
    assert "Traceback" not in err
    assert "ZeroDivisionError" in (tmp_path / "home" / "state" / "lab.log").read_text()
