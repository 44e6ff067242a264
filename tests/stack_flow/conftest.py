"""Fixtures of the flow tests: the running stack, and Prometheus' own checker where there is one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stack_flow_kubernetes import FakeKubernetes
from stack_flow_rig import Rig

from lab.cluster.programs import ensure_alertmanager, ensure_prometheus


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
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prometheus' checker, obtained as the lab obtains it."""
    programs = ensure_prometheus(tmp_path_factory.mktemp("cache"), path=os.environ["PATH"], say=print)
    assert programs.tool is not None
    return programs.tool


@pytest.fixture(scope="session")
def amtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alertmanager's checker, obtained as the lab obtains it."""
    programs = ensure_alertmanager(tmp_path_factory.mktemp("cache"), path=os.environ["PATH"], say=print)
    assert programs.tool is not None
    return programs.tool


@pytest.fixture
def run_tool() -> Callable[..., None]:
    """Run a program; the test fails with its output when it does."""

    def run(*argv: str | Path) -> None:
        done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return run
