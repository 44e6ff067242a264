"""The registry names versions by alias, and never hands out a file other than the one that was registered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stack.common.errors import StartError
from stack.data.pool import load_pool
from stack.model_server.scorer import Scorer
from stack.registry.versions import CATALOGUE, HashMismatch, UnknownVersion, read_catalogue, resolve
from stack.trainer.evaluation import evaluate

REPOSITORY = Path(__file__).parents[2]


def copied(folder: Path) -> Path:
    for path in CATALOGUE.parent.iterdir():
        if path.suffix in {".yaml", ".onnx"}:
            (folder / path.name).write_bytes(path.read_bytes())
    return folder / CATALOGUE.name


def test_an_alias_and_a_number_name_the_same_version() -> None:
    assert resolve("champion") == resolve("2")
    assert resolve("champion").model == "flight-risk"


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownVersion, match=r"no version or alias 'challenger'; there are: 1, 2, champion"):
        resolve("challenger")


def test_registered_metrics_are_those_of_the_files() -> None:
    pool = load_pool("calm")
    for version in read_catalogue().versions:
        found = evaluate(Scorer.load(version).score(pool.features), pool.late)
        assert version.metrics == {"auc": found.auc, "brier": found.brier, "positive_rate": found.positive_rate}


def test_the_champion_beats_its_predecessor() -> None:
    older, champion = read_catalogue().versions
    assert champion.metrics["brier"] < older.metrics["brier"]


def test_a_changed_file_is_not_served(tmp_path: Path) -> None:
    catalogue = copied(tmp_path)
    (tmp_path / "flight-risk-2.onnx").write_bytes((tmp_path / "flight-risk-1.onnx").read_bytes())
    with pytest.raises(
        HashMismatch, match=r"sha256 is 246af37fc9bf, but flight-risk version 2 was registered with 4ac4"
    ):
        Scorer.load(resolve("champion", catalogue))
    assert Scorer.load(resolve("1", catalogue)).version.version == "1"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    catalogue = copied(tmp_path)
    (tmp_path / "flight-risk-2.onnx").unlink()
    with pytest.raises(HashMismatch, match="version 2 cannot be read"):
        resolve("2", catalogue).content()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: flight-risk\nversions: [{version: 1}]\naliases: {}\n", "misspells an entry: 'file'"),
        ("[]", "misspells an entry"),
        ("name: {", "cannot be read"),
    ],
)
def test_a_broken_list_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "versions.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StartError) as caught:
        read_catalogue(path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_model_is_not_served(tmp_path: Path) -> None:
    path = tmp_path / "versions.yaml"
    (tmp_path / "m.onnx").write_bytes(b"")
    path.write_text(
        "name: m\naliases: {}\nversions:\n- {version: 1, file: m.onnx, trained_on: '', created: '', metrics: {},"
        " sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}\n",
        encoding="utf-8",
    )
    with pytest.raises(StartError, match="not a model that can be served"):
        Scorer.load(resolve("1", path))


def test_the_list_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stack.registry", "list"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("flight-risk 1   -          246af37fc9bf 2013-01 to 2013-03 auc=0.9185")
    assert second.startswith("flight-risk 2   champion   4ac477b5a7cc 2013-01 to 2013-05 auc=0.9199")
