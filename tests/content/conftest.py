"""A scenario folder for tests of the content engine, which never read the real scenarios."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.content.causes import Causes, load_causes
from lab.content.lint import lint
from lab.content.loader import load_scenario
from lab.content.telemetry import Telemetry, load_telemetry
from lab.errors import ContentError, Problem

FIXTURES = Path(__file__).parent.parent / "fixtures"
PLATFORM = FIXTURES / "content_platform" / "telemetry.yaml"

Edit = tuple[str, str, str]
"""File, text in it, and what to put in its place."""


@pytest.fixture(scope="session")
def causes() -> Causes:
    return load_causes()


@pytest.fixture(scope="session")
def telemetry() -> Telemetry:
    return load_telemetry(PLATFORM)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a scenario without problems, free to be broken."""
    return Path(shutil.copytree(FIXTURES / "content" / "plain-symptom", tmp_path / "plain-symptom"))


@pytest.fixture
def problems_after(folder: Path, causes: Causes, telemetry: Telemetry) -> Callable[..., list[Problem]]:
    """Every problem that loader and lint find after edits of the folder."""

    def apply(*edits: Edit) -> list[Problem]:
        for name, old, new in edits:
            text = (folder / name).read_text()
            assert old in text, f"{name} has no {old!r}"
            (folder / name).write_text(text.replace(old, new, 1))
        try:
            return lint(load_scenario(folder), causes, telemetry)
        except ContentError as error:
            return list(error.problems)

    return apply
