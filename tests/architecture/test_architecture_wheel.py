"""The wheel holds everything that the product needs, and works where it is installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from source_tree import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_holds_content_and_stack(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for room, place in (
        ("scenarios", "lab/_bundled/scenarios"),
        ("curriculum", "lab/_bundled/curriculum"),
        ("stack", "stack"),
    ):
        kept = subprocess.run(
            ["git", "ls-files", "-z", room], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\0")
        wanted = {place + name.removeprefix(room) for name in kept if name and (ROOT / name).is_file()}
        assert wanted
        assert wanted <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) or "__pycache__" in name for name in names)


def test_an_installed_wheel_finds_its_content(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    asking = (
        "import lab.paths as p; print(p.scenarios_root(), p.curriculum_root(), p.stack_root(), sep='\\n');"
        "assert (p.scenarios_root() / 'hangs-now-and-then' / 'scenario.yaml').is_file()"
    )
    answer = subprocess.run(
        [sys.executable, "-c", asking],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    bundled = tmp_path / "lab" / "_bundled"
    assert answer.stdout.split() == [str(bundled / "scenarios"), str(bundled / "curriculum"), str(tmp_path / "stack")]
