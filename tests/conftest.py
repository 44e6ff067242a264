"""Which suites are more than unit tests: they get a marker by where they lie, so that the unit part stays quick."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PROCESSES = (
    "stack_flow", "cluster/embedded_node", "cluster/embedded_api/test_api_kubectl.py",
    "cluster/embedded_api/test_api_provision.py", "stack_model/test_stack_model_server.py",
    "keeper/proving/test_proving_grounds.py",
    "stack_model/test_stack_triton.py", "stack_model/test_stack_flood.py",
    "stack_accelerator/test_accelerator_programs.py",
)  # fmt: skip
"""Suites that start programs on this machine."""
SCREENS = (
    "tui/test_tui_oncall.py", "tui/test_tui_note.py", "tui/test_tui_start.py", "tui/test_tui_leaving.py",
    "tui/test_tui_pictures.py",
)  # fmt: skip
"""Suites that run the whole terminal UI."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its place."""
    for item in items:
        place = item.path.relative_to(TESTS).as_posix() if item.path.is_relative_to(TESTS) else ""
        if place.startswith(PROCESSES):
            item.add_marker("processes")
        if place.startswith(SCREENS):
            item.add_marker("screens")
