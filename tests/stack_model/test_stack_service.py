"""What a release makes of scoring requests, and what the program refuses to start with."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from stack.common.errors import StartError
from stack.common.metrics import exposition
from stack.common.release import Audit, Log, Reject, ServingRelease
from stack.data.pool import load_pool
from stack.model_server.program import main
from stack.model_server.scorer import Scorer
from stack.model_server.service import Limits, Phase, Service
from stack.registry.versions import resolve

Body = Callable[..., bytes]
LOG = logging.getLogger("test of the service")


@dataclass
class Asker:
    """Waits for the answer to one scoring request."""

    started: float = 0.0
    status: int = 0
    body: bytes = b""
    there: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, status: int, body: bytes, json_length: int | None = None) -> None:
        assert not self.there.is_set(), "a request is answered once"
        assert json_length is None
        self.status, self.body = status, body
        self.there.set()


def serve(release: ServingRelease, limits: Limits = Limits()) -> Service:  # noqa: B008 - frozen
    ticks = count()
    scorer = Scorer.load(resolve("champion"))
    return Service(scorer, release, CollectorRegistry(), lambda: float(next(ticks)), LOG, limits)


def put(service: Service, body: bytes) -> Asker:
    """Ask without waiting."""
    asker = Asker()
    assert service.served is not None
    service.score(service.served, body, None, asker)
    return asker


async def ask(service: Service, body: bytes) -> tuple[int, dict[str, Any]]:
    asker = put(service, body)
    async with asyncio.timeout(30):
        await asker.there.wait()
    return asker.status, json.loads(asker.body)


class Broken(Scorer):
    """Fails on any batch with a departure more than 100 minutes early."""

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        if (rows[:, 0] < -100).any():
            raise ValueError("a kernel failed")
        return super().score(rows)


async def test_it_answers_from_ready_on_until_it_is_gone(body: Body) -> None:
    service = serve(ServingRelease())
    told = {"error": "the model is not ready yet; ask /v2/health/ready"}
    assert await ask(service, body()) == (503, told)
    for change, phase in ((service.open, Phase.READY), (service.drain, Phase.DRAINING), (service.open, Phase.DRAINING)):
        change()
        assert service.phase is phase
        assert (await ask(service, body()))[0] == 200


async def test_without_a_version_it_is_not_ready(body: Body) -> None:
    service = Service(None, ServingRelease(), CollectorRegistry(), float, LOG)
    service.open()
    assert (service.ready, service.version) == (False, None)
    assert service.find(b"/v2/models/flight-risk/infer") is None
    assert service.absent("flight-risk", "").status == 503
    service.adopt(Scorer.load(resolve("1")))
    assert service.ready
    assert (await ask(service, body()))[1]["model_version"] == "1"


async def test_only_the_adopted_version_is_served(body: Body) -> None:
    service = serve(ServingRelease())
    service.open()
    service.adopt(Scorer.load(resolve("1")))
    _, answer = await ask(service, body())
    assert (answer["model_version"], answer["parameters"]["sha256"]) == ("1", resolve("1").sha256)
    assert service.find(b"/v2/models/flight-risk/versions/1/infer") is service.served
    assert service.find(b"/v2/models/flight-risk/versions/2/infer") is None
    shown = [line for line in exposition(service.registry).decode().splitlines() if line.startswith("model_version_")]
    assert shown == [f'model_version_info{{model="flight-risk",sha256="{resolve("1").sha256}",version="1"}} 1.0']


async def test_a_release_refuses_its_share(body: Body) -> None:
    service = serve(ServingRelease(reject=Reject(share=0.25, status=429)))
    service.open()
    statuses = [(await ask(service, body()))[0] for _ in range(200)]
    assert abs(statuses.count(429) - 50) <= 2
    assert statuses.count(200) == 200 - statuses.count(429)


async def test_a_release_audits_its_share(body: Body) -> None:
    service = serve(ServingRelease(audit=Audit(share=0.08, wait_ms=60_000)))
    service.open()
    askers = [put(service, body()) for _ in range(600)]
    await asyncio.sleep(0)
    assert 46 <= sum(not asker.there.is_set() for asker in askers) <= 50
    assert service.in_flight == sum(not asker.there.is_set() for asker in askers)
    assert {asker.status for asker in askers if asker.there.is_set()} == {200}


async def test_an_audited_request_is_answered_later(body: Body) -> None:
    service = serve(ServingRelease(audit=Audit(share=1.0, wait_ms=20)))
    service.open()
    asker = put(service, body())
    service.adopt(Scorer.load(resolve("1")))
    await asyncio.sleep(0)
    assert not asker.there.is_set()
    async with asyncio.timeout(30):
        await asker.there.wait()
    assert json.loads(asker.body)["model_version"] == "2", "it was taken with version 2"
    assert (await ask(service, body()))[1]["model_version"] == "1"


async def test_more_than_it_takes_on_is_refused(body: Body) -> None:
    service = serve(ServingRelease(), Limits(requests=3))
    service.open()
    askers = [put(service, body()) for _ in range(5)]
    await asyncio.sleep(0)
    assert [asker.status for asker in askers] == [200, 200, 200, 503, 503]
    assert service.in_flight == 0


async def test_an_answer_does_not_depend_on_its_batch(body: Body) -> None:
    service = serve(ServingRelease(), Limits(batch_rows=64))
    service.open()
    rows = load_pool("calm").features[:200]
    bodies = [body([None if np.isnan(value) else float(value) for value in row]) for row in rows]
    alone = [(await ask(service, text))[1] for text in bodies]
    together = [put(service, text) for text in bodies]
    await asyncio.sleep(0)
    assert [json.loads(asker.body) for asker in together] == alone


async def test_what_fails_in_a_batch_fails_alone(body: Body, caplog: pytest.LogCaptureFixture) -> None:
    service = serve(ServingRelease())
    service.open()
    loaded = Scorer.load(resolve("2"))
    service.adopt(Broken(loaded.version, loaded._session))
    row: list[float | None] = [0.0] * 12
    askers = [put(service, body(data)) for data in (row, [-500.0, *row[1:]], [1e39, *row[1:]], row)]
    await asyncio.sleep(0)
    assert [asker.status for asker in askers] == [200, 500, 422, 200]
    assert json.loads(askers[2].body) == {"error": "row 0, dep_delay: the value is too large for FP32"}
    assert "the model failed on a request" in caplog.text
    assert (await ask(service, body()))[0] == 200


async def test_what_does_not_answer_is_not_adopted(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    service = serve(ServingRelease())
    service.open()
    other = Scorer.load(resolve("1"))
    monkeypatch.setattr(other, "score", lambda rows: np.full(len(rows), np.nan, dtype=np.float32))
    with pytest.raises(StartError, match="flight-risk version 1 does not answer"):
        service.adopt(other)
    assert service.ready
    assert (await ask(service, body()))[1]["model_version"] == "2"
    assert service.served is not None
    monkeypatch.setattr(service.served._scorer, "score", lambda rows: np.full(len(rows), 1.5, dtype=np.float32))
    assert not service.ready, "a model that answers with anything but probabilities is not ready"


def test_requests_are_measured_and_told_every_so_often(caplog: pytest.LogCaptureFixture) -> None:
    service = serve(ServingRelease(log=Log(every=2)))
    with caplog.at_level(logging.INFO, LOG.name):
        for status in (200, 200, 422):
            service.measure(status, service.now())
    text = exposition(service.registry).decode()
    assert 'request_duration_seconds_sum{code="200"} 2.0' in text
    assert 'request_duration_seconds_count{code="422"} 1.0' in text
    assert caplog.messages == ["answered 2 requests"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model=9"], "flight-risk has no version or alias '9'; there are: 1, 2, 3, 4, 5, challenger, champion"),
        (["--host=192.0.2.1"], "cannot listen on 192.0.2.1:8601: "),
    ],
)
def test_arguments_that_cannot_be_used_are_told(arguments: list[str], told: str) -> None:
    with pytest.raises(StartError) as caught:
        main(arguments, {}, LOG)
    assert told in str(caught.value)
