"""One call says everything that is wrong with the content, and goes on past what is broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.content.check import check_library

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture
def telemetry(tmp_path: Path) -> Path:
    """A platform that declares what the glossary asks for and what the fixture scenario uses."""
    platform = Path(shutil.copytree(FIXTURES / "content_platform", tmp_path / "platform"))
    return platform / "telemetry.yaml"


def scenario_problems(root: Path, telemetry: Path) -> list[str]:
    """Problems below root as `file where`, without those of the shipped glossary."""
    problems = check_library(root, telemetry)
    return [f"{Path(one.path).name} {one.where}" for one in problems if Path(one.path).name != "glossary.yaml"]


def test_clean_library(folder: Path, telemetry: Path) -> None:
    """A library of right folders has no problems, and nor has one of its folders alone."""
    root = Path(shutil.copytree(folder, folder.parent / "library" / folder.name)).parent
    assert scenario_problems(root, telemetry) == []
    assert scenario_problems(root / folder.name, telemetry) == []


def test_problems_of_all_folders_come_together(folder: Path, telemetry: Path) -> None:
    """A broken folder, a folder with a finding, and two equal titles are all reported."""
    root = folder.parent / "library"
    for name in ("a-symptom", "b-symptom", "c-symptom"):
        shutil.copytree(folder, root / name)
    (root / "b-symptom" / "proof.yaml").unlink()
    text = (root / "c-symptom" / "scenario.yaml").read_text()
    (root / "c-symptom" / "scenario.yaml").write_text(text.replace("visible: GoodBurn", "visible: Other"))
    assert scenario_problems(root, telemetry) == ["proof.yaml file", "scenario.yaml title", "scenario.yaml visible"]


def test_missing_telemetry_is_a_problem_of_its_own(folder: Path, tmp_path: Path) -> None:
    """Without it names cannot be checked, and that is said once."""
    root = Path(shutil.copytree(folder, tmp_path / "library" / folder.name)).parent
    problems = check_library(root, tmp_path / "telemetry.yaml")
    assert [(Path(one.path).name, one.what) for one in problems] == [("telemetry.yaml", "is missing")]


def test_missing_root_is_a_problem(tmp_path: Path, telemetry: Path) -> None:
    """A wrong folder is reported like anything else."""
    assert "nowhere folder" in scenario_problems(tmp_path / "nowhere", telemetry)


def test_glossary_asks_for_what_is_exported(folder: Path, telemetry: Path) -> None:
    """A query over a metric that nobody exports is reported by its term."""
    terms = [one.where for one in check_library(folder, telemetry) if Path(one.path).name == "glossary.yaml"]
    assert "Brier score" in terms


def test_shipped_content_has_no_problems() -> None:
    """What the product brings passes its own check."""
    root = Path(__file__).parents[2]
    problems = check_library(root / "scenarios", root / "stack" / "platform" / "telemetry.yaml")
    assert [str(problem) for problem in problems] == []
