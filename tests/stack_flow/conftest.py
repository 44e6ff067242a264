"""Fixtures of the flow tests: the running stack, and Prometheus' own checker where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stack_flow_kubernetes import FakeKubernetes
from stack_flow_rig import Rig


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[FakeKubernetes]:
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    with FakeKubernetes(folder) as running:
        yield running


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The whole stack; tests that take a part of it away put another in its place."""
    folder = tmp_path_factory.mktemp("stack")
    account = folder / "serviceaccount"
    account.mkdir()
    with FakeKubernetes(account) as kubernetes:
        stack = Rig(folder, kubernetes)
        try:
            stack.await_ready()
            yield stack
        finally:
            stack.close()


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus' checker: on PATH, or named by PROMTOOL."""
    found = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not found:
        pytest.skip("promtool is neither on PATH nor named by PROMTOOL")
    return Path(found)


@pytest.fixture
def run_tool() -> Callable[..., None]:
    """Run a program; the test fails with its output when it does."""

    def run(*argv: str | Path) -> None:
        done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return run
