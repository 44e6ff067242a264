"""A model server follows the registry: a moved alias is served, a bad version refused, silence survived."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from stack.common.listening import listen
from stack.common.release import Loader
from stack.model_server.loading import LoadingMetrics, Poll, RegistryLoader, Source
from stack.model_server.scorer import Scorer
from stack.registry.app import RegistryApp, RegistryMetrics
from stack.registry.database import Database, NewVersion
from stack.registry.layout import DATABASE
from stack.registry.limits import ClientLimit
from stack.registry.registry import Registry, furnish
from stack.wire.client import Address
from stack.wire.server import Server

LOG = logging.getLogger("test-loading")
ALIAS = Loader()


@dataclass
class Scene:
    """A registry that listens, and what loaders adopted from it."""

    folder: Path
    registry: Registry
    address: Address
    stop: Callable[[], Awaitable[None]]
    adopted: list[str] = field(default_factory=list)
    loaders: list[RegistryLoader] = field(default_factory=list)
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)

    def loader(self, behaviour: Loader = ALIAS, alias: str = "champion", client: str = "a") -> RegistryLoader:
        def adopt(scorer: Scorer) -> None:
            self.adopted.append(scorer.version.version)

        self.metrics = CollectorRegistry()
        source = Source(self.address, "flight-risk", alias, client)
        made = RegistryLoader(source, behaviour, adopt, LoadingMetrics(self.metrics), lambda: 7.0, LOG)
        self.loaders.append(made)
        return made

    def move(self, version: str, alias: str = "champion") -> None:
        self.registry.move_alias("flight-risk", alias, version, "mei")

    def count(self, name: str, outcome: str) -> float:
        return self.metrics.get_sample_value(name, {"outcome": outcome}) or 0.0


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    furnish(tmp_path)
    database = Database.open(tmp_path / DATABASE)
    registry = Registry(tmp_path, database, lambda: 1.0)
    server = Server(RegistryApp(registry, RegistryMetrics("1", registry), ClientLimit(1)).handle, LOG)
    listener = listen("127.0.0.1", 0)
    address = Address("127.0.0.1", listener.getsockname()[1])
    await server.start(listener)
    made = Scene(tmp_path, registry, address, lambda: server.close(0.5))
    yield made
    for loader in made.loaders:
        loader.close()
    await server.close(0.5)
    database.close()


async def test_an_alias_that_moves_is_served(scene: Scene) -> None:
    loader = scene.loader()
    assert await loader.poll() is Poll.CHANGED
    assert await loader.poll() is Poll.UNCHANGED
    scene.move("3")
    assert await loader.poll() is Poll.CHANGED
    assert scene.adopted == ["2", "3"]
    assert scene.metrics.get_sample_value("model_registry_last_success_timestamp_seconds") == 7.0


async def test_a_number_pins_a_version_and_latest_takes_the_newest(scene: Scene) -> None:
    await scene.loader(alias="1").poll()
    await scene.loader(Loader(pick="latest")).poll()
    await scene.loader(Loader(pick="latest"), alias="2").poll()
    assert scene.adopted == ["1", "5", "2"]


@pytest.mark.parametrize(("content", "outcome"), [(b"not the registered file", "wrong_hash"), (b"", "wrong_hash")])
async def test_a_version_with_another_file_is_refused_once(scene: Scene, content: bytes, outcome: str) -> None:
    loader = scene.loader()
    await loader.poll()
    (scene.folder / "flight-risk-3.onnx").write_bytes(content)
    scene.move("3")
    assert [await loader.poll() for _ in range(3)] == [Poll.CHANGED, Poll.UNCHANGED, Poll.UNCHANGED]
    assert (scene.adopted, scene.count("model_loads_total", outcome)) == (["2"], 1.0)
    scene.move("1")
    await loader.poll()
    assert scene.adopted == ["2", "1"]


async def test_a_file_that_is_no_model_is_refused(scene: Scene) -> None:
    loader = scene.loader()
    await loader.poll()
    record = scene.registry.create(NewVersion("flight-risk", "somewhere", "", "mei", "", {}))
    scene.registry.attach("flight-risk", record.version, b"registered, and yet no model")
    scene.move(record.version)
    await loader.poll()
    assert (scene.adopted, scene.count("model_loads_total", "unusable")) == (["2"], 1.0)


async def test_silence_of_the_registry_is_survived(scene: Scene) -> None:
    loader = scene.loader()
    await loader.poll()
    await scene.stop()
    assert await loader.poll() is Poll.FAILED
    assert scene.adopted == ["2"]
    assert scene.count("model_registry_polls_total", "failed") == 1.0


@pytest.mark.parametrize(("behaviour", "polls"), [(Loader(on_refusal="stop"), 2), (Loader(), 4)])
async def test_a_refused_client_asks_on_or_stops_as_its_release_says(
    scene: Scene, behaviour: Loader, polls: int
) -> None:
    """Another client has the one place; the first question, without which nothing could be served, is always heard."""
    first = scene.loader(client="first")
    await first.poll()
    await first.poll()
    loader = scene.loader(behaviour, client="second")
    asked = 0

    async def sleep(seconds: float) -> None:
        nonlocal asked
        asked += 1
        if asked == 4:
            raise asyncio.CancelledError

    if behaviour.on_refusal == "stop":
        await loader.run(sleep)
    else:
        with pytest.raises(asyncio.CancelledError):
            await loader.run(sleep)
    assert scene.adopted == ["2", "2"]
    assert scene.count("model_registry_polls_total", "refused") == polls - 1
