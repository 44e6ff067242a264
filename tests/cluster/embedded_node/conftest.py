"""A clock, settings in a temporary folder, and a kubelet with controllers that end with their test."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from embedded_node_bench import PYTHON, FakeClock, Node, new_store

from lab.cluster.embedded.controllers import run_controllers
from lab.cluster.embedded.images import LocalImage, write_catalogue
from lab.cluster.embedded.kubelet import Kubelet
from lab.cluster.embedded.settings import NodeSettings


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    (tmp_path / "ca.crt").write_text("certificate")
    third = 1 + os.getpid() % 250
    return NodeSettings(
        state_dir=tmp_path,
        pod_prefix=f"127.84.{third}.",
        service_prefix=f"127.85.{third}.",
        api_host="127.0.0.1",
        api_port=6443,
        token="a-token",
        ca_file=tmp_path / "ca.crt",
        restart_backoff_base=0.2,
    )


@pytest_asyncio.fixture
async def node(settings: NodeSettings) -> AsyncIterator[Node]:
    write_catalogue(settings.state_dir, [LocalImage(PYTHON, (sys.executable,), {"FROM_IMAGE": "yes"})])
    store, stop = new_store(), asyncio.Event()
    kubelet = Kubelet(store, settings)
    tasks = [asyncio.create_task(kubelet.run(stop)), asyncio.create_task(run_controllers(store, settings, stop))]
    yield Node(store, settings, kubelet, stop)
    stop.set()
    await asyncio.gather(*tasks)
