"""What a release makes of scoring requests, and what the program refuses to start with."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from stack.common.errors import StartError
from stack.common.metrics import exposition
from stack.common.release import Audit, Log, Reject, ServingRelease
from stack.model_server.program import main
from stack.model_server.scorer import Scorer
from stack.model_server.service import Phase, Service
from stack.registry.versions import resolve

Body = Callable[..., bytes]
LOG = logging.getLogger("test of the service")


def serve(release: ServingRelease) -> Service:
    ticks = count()
    return Service(Scorer.load(resolve("champion")), release, CollectorRegistry(), lambda: float(next(ticks)), LOG)


async def test_it_answers_from_ready_on_until_it_is_gone(body: Body) -> None:
    service = serve(ServingRelease())
    status, answer = await service.answer(body())
    assert (status, json.loads(answer)) == (503, {"error": "the model is not ready yet; ask /v2/health/ready"})
    for change, phase in ((service.open, Phase.READY), (service.drain, Phase.DRAINING), (service.open, Phase.DRAINING)):
        change()
        assert service.phase is phase
        assert (await service.answer(body()))[0] == 200


async def test_without_a_version_it_is_not_ready(body: Body) -> None:
    service = Service(None, ServingRelease(), CollectorRegistry(), float, LOG)
    service.open()
    assert (service.ready, service.version) == (False, None)
    assert (await service.answer(body()))[0] == 503
    service.adopt(Scorer.load(resolve("1")))
    assert service.ready
    assert json.loads((await service.answer(body()))[1])["model_version"] == "1"


async def test_only_the_adopted_version_is_served(body: Body) -> None:
    service = serve(ServingRelease())
    service.open()
    service.adopt(Scorer.load(resolve("1")))
    answer = json.loads((await service.answer(body()))[1])
    assert (answer["model_version"], answer["parameters"]["sha256"]) == ("1", resolve("1").sha256)
    shown = [line for line in exposition(service.registry).decode().splitlines() if line.startswith("model_version_")]
    assert shown == [f'model_version_info{{model="flight-risk",sha256="{resolve("1").sha256}",version="1"}} 1.0']


async def test_a_release_refuses_its_share(body: Body) -> None:
    service = serve(ServingRelease(reject=Reject(share=0.25, status=429)))
    service.open()
    statuses = [(await service.answer(body()))[0] for _ in range(200)]
    assert abs(statuses.count(429) - 50) <= 2
    assert statuses.count(200) == 200 - statuses.count(429)


async def test_a_release_audits_its_share(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("stack.model_server.service.asyncio", SimpleNamespace(sleep=sleep))
    service = serve(ServingRelease(audit=Audit(share=0.08, wait_ms=2500)))
    service.open()
    for _ in range(600):
        assert (await service.answer(body()))[0] == 200
    assert 46 <= len(waits) <= 50
    assert set(waits) == {2.5}


def test_requests_are_measured_and_told_every_so_often(caplog: pytest.LogCaptureFixture) -> None:
    service = serve(ServingRelease(log=Log(every=2)))
    with caplog.at_level(logging.INFO, LOG.name):
        for status in (200, 200, 422):
            service.observe(status, service.now())
    text = exposition(service.registry).decode()
    assert 'request_duration_seconds_sum{code="200"} 2.0' in text
    assert 'request_duration_seconds_count{code="422"} 1.0' in text
    assert caplog.messages == ["answered 2 requests"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model=3"], "flight-risk has no version or alias '3'; there are: 1, 2, champion"),
        (["--host=192.0.2.1"], "cannot listen on 192.0.2.1:8601: "),
    ],
)
def test_arguments_that_cannot_be_used_are_told(arguments: list[str], told: str) -> None:
    with pytest.raises(StartError) as caught:
        main(arguments, {}, LOG)
    assert told in str(caught.value)
