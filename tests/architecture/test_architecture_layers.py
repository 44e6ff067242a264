"""The layers hold, and the machine that holds them would notice if they did not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from source_tree import ROOT


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))"
    return subprocess.run([sys.executable, "-c", command], cwd=folder, capture_output=True, text=True)


def test_the_layers_hold() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout[linted.stdout.find("Contracts") :]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the product that a test may spoil."""
    for name in ("lab", "stack"):
        shutil.copytree(
            ROOT / name,
            tmp_path / name,
            ignore=lambda _, names: [each for each in names if not each.endswith(".py") and "." in each],
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("lab/content/spoiled.py", "import lab.keeper", "imports only rooms below it"),
        ("lab/spoiled.py", "", "imports only rooms below it"),
        ("lab/operate/spoiled.py", "import kubernetes", "Kubernetes and Docker clients"),
        ("lab/keeper/spoiled.py", "import docker", "Kubernetes and Docker clients"),
        ("lab/cli/spoiled.py", "import textual.app", "Textual"),
        ("lab/tui/spoiled.py", "import stack", "never import each other"),
        ("stack/spoiled.py", "import lab.errors", "never import each other"),
    ],
)
def test_a_wrong_import_is_noticed(copied: Path, module: str, line: str, contract: str) -> None:
    (copied / module).write_text(line + "\n", encoding="utf-8")
    linted = lint_imports(copied)
    assert linted.returncode != 0
    broken = [row for row in linted.stdout.splitlines() if " BROKEN" in row]
    assert any(contract in row for row in broken), linted.stdout
