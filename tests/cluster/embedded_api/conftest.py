"""An API on a real port over an empty store: no controllers, no kubelet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from lab.cluster.embedded.caller import Caller
from lab.cluster.embedded.certs import ensure_credentials
from lab.cluster.embedded.daemon import listen, new_store, serve_api
from lab.cluster.embedded.kinds import KINDS
from lab.cluster.embedded.kubeconfig import write_kubeconfig
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, Store, utc_now
from lab.cluster.embedded.usage import ContainerUsage

T = TypeVar("T")


class FixedUsage:
    """Every container uses a quarter of a core and 64 MiB."""

    def usage(self, pod_uid: str, container: str) -> ContainerUsage | None:
        return ContainerUsage(0.25, 64 * 2**20)


@dataclass(frozen=True)
class Served:
    """A running API and the ways to reach it and what lies behind it."""

    caller: Caller
    store: Store
    settings: NodeSettings
    kubeconfig: Path
    loop: asyncio.AbstractEventLoop

    def inside(self, work: Callable[[], T]) -> T:
        """Run `work` in the loop that owns the store."""
        done: Future[T] = Future()

        def step() -> None:
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        self.loop.call_soon_threadsafe(step)
        return done.result(timeout=10)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The document that a call answers, which must succeed."""
        code, found = self.caller.call(method, path, body)
        assert code in (200, 201), found
        return found


def settings_in(folder: Path, port: int = 1, token: str = "t") -> NodeSettings:
    """Settings for a store without a node."""
    return NodeSettings(folder, "127.9.8.", "127.9.9.", "127.0.0.1", port, token, folder / "ca.crt")


@pytest.fixture(scope="session")
def served_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("api")
    credentials = ensure_credentials(folder, utc_now())
    listening = listen(folder)
    port = listening.getsockname()[1]
    settings = settings_in(folder, port, credentials.token)
    loop = asyncio.new_event_loop()
    store = new_store(settings, utc_now())
    stop = asyncio.Event()
    server = serve_api(store, settings, credentials, stop, FixedUsage())
    ready = threading.Event()

    async def serve() -> None:
        loop.call_soon(ready.set)
        await server.serve(sockets=[listening])

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    kubeconfig = folder / "kubeconfig"
    ca = credentials.ca_file
    write_kubeconfig(
        kubeconfig, server=f"https://127.0.0.1:{port}", ca_file=ca, token=credentials.token, namespace="default"
    )
    yield Served(Caller(port, ca, credentials.token), store, settings, kubeconfig, loop)
    loop.call_soon_threadsafe(stop.set)
    server.should_exit = True
    thread.join(20)
    loop.close()


@pytest.fixture
def served(served_once: Served) -> Iterator[Served]:
    """The API with an empty namespace `default`."""
    yield served_once

    def empty() -> None:
        kept = ("namespaces", "nodes", "serviceaccounts", "events")
        for resource in (kind.plural for kind in KINDS if kind.plural not in kept):
            for obj in served_once.store.list(resource):
                served_once.store.remove(resource, obj["metadata"]["namespace"], obj["metadata"]["name"])

    served_once.inside(empty)


def deployment(name: str = "web", **spec: Any) -> Obj:
    """A small Deployment as a person writes it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [
                        {
                            "name": name,
                            "image": "lab/web:1",
                            "ports": [{"name": "http", "containerPort": 8600}],
                            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        }
                    ]
                },
            },
            **spec,
        },
    }


@pytest.fixture
def make_deployment() -> Callable[..., Obj]:
    return deployment
