"""The forwarder as a process: started once, found again, ended for certain."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest
from kind_fake_api import PREFIX, FakeApi

from lab.cluster.forward import Forward
from lab.cluster.forward.records import ASKED
from lab.cluster.processes import wait_until

WriteKubeconfig = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "forward"


@pytest.fixture
def forward(folder: Path) -> Iterator[Forward]:
    one = Forward(folder)
    yield one
    one.end()
    assert one.pids() == ()


def fetch(url: str) -> str:
    with build_opener(ProxyHandler({})).open(url, timeout=20) as answer:
        text: str = answer.read().decode()
    return text


def test_addresses_answer_and_stay_over_restarts(
    forward: Forward, folder: Path, fake_api: FakeApi, write_kubeconfig: WriteKubeconfig
) -> None:
    kubeconfig = write_kubeconfig(fake_api.address)
    assert forward.url("feed") is None
    forward.ensure(kubeconfig, "team-a", ["feed", "gateway"])
    url, pids = forward.url("feed"), forward.pids()
    assert url is not None
    assert f"{PREFIX}/healthz" in fetch(f"{url}/healthz")
    fresh = Forward(folder)
    fresh.ensure(kubeconfig, "team-a", ["feed"])
    assert (fresh.url("feed"), fresh.pids()) == (url, pids)
    fresh.ensure(kubeconfig, "team-a", ["monitor"])
    assert fresh.pids() == pids
    assert fresh.url("monitor") not in (None, url)
    forward.end()
    assert (forward.url("feed"), forward.pids()) == (None, ())
    assert not psutil.pid_exists(pids[0]) or psutil.Process(pids[0]).status() == psutil.STATUS_ZOMBIE
    forward.ensure(kubeconfig, "team-a", ["feed"])
    assert forward.url("feed") == url


def test_a_killed_forwarder_is_replaced_at_the_same_address(
    forward: Forward, folder: Path, fake_api: FakeApi, write_kubeconfig: WriteKubeconfig
) -> None:
    kubeconfig = write_kubeconfig(fake_api.address)
    forward.ensure(kubeconfig, "team-a", ["feed"])
    url = forward.url("feed")
    os.kill(forward.pids()[0], signal.SIGKILL)
    assert wait_until(lambda: forward.pids() == (), 10)
    assert forward.url("feed") is None
    forward.ensure(kubeconfig, "team-a", ["feed"])
    assert forward.url("feed") == url
    os.kill(forward.pids()[0], signal.SIGKILL)
    forward.end()
    assert list((kubeconfig.parent / "keys").glob("*")) == []


def test_another_namespace_takes_another_forwarder(
    forward: Forward, fake_api: FakeApi, write_kubeconfig: WriteKubeconfig
) -> None:
    kubeconfig = write_kubeconfig(fake_api.address)
    forward.ensure(kubeconfig, "team-b", ["gateway"])
    first = forward.pids()
    forward.ensure(kubeconfig, "team-a", ["feed"])
    assert forward.pids() != first
    assert forward.url("gateway") is None
    assert f"{PREFIX}/x" in fetch(f"{forward.url('feed')}/x")


def test_it_ends_by_itself_once_its_folder_is_gone(
    forward: Forward, folder: Path, fake_api: FakeApi, write_kubeconfig: WriteKubeconfig
) -> None:
    forward.ensure(write_kubeconfig(fake_api.address), "team-a", ["feed"])
    process = psutil.Process(forward.pids()[0])
    shutil.rmtree(folder)
    assert wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 10)


def test_one_that_nobody_asks_for_does_not_stay(folder: Path, tmp_path: Path) -> None:
    argv = [
        sys.executable,
        "-m",
        "lab.cluster.forward",
        "--kubeconfig",
        str(tmp_path / "none"),
        "--namespace",
        "team-a",
    ]
    done = subprocess.run([*argv, "--state", str(folder)], timeout=60, check=False, capture_output=True)
    assert done.returncode == 0
    assert not (folder / ASKED).exists()


def test_ending_what_never_was_is_fine(forward: Forward, folder: Path) -> None:
    forward.end()
    assert not folder.exists()
