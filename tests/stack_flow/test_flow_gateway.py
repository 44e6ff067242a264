"""The gateway in one process, with replicas that the test controls."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from test_flow_wire import LOG, serving

from stack.common.release import Audit, Reject, ServingRelease
from stack.gateway.app import GatewayApp
from stack.gateway.forward import Forwarder
from stack.gateway.metrics import FORGET_SECONDS, GatewayMetrics
from stack.gateway.outcomes import Outcomes
from stack.gateway.ring import PredictionRing
from stack.gateway.router import Router
from stack.gateway.routes import Routes, single_route
from stack.gateway.settings import GatewaySettings
from stack.wire.client import Address
from stack.wire.endpoints import Endpoint, follow, parse_listing
from stack.wire.server import Handler, Request, Response, error_response, json_response

INFER = "/v2/models/flight-risk/infer"
NOWHERE = Address("127.0.0.1", 1)
SERVICE = "model-server"
HURRY = GatewaySettings(deadline_seconds=0.05)


def prediction(version: str, values: Iterable[float] = (0.25,)) -> Response:
    data = list(values)
    output = {"name": "probability", "shape": [len(data)], "datatype": "FP32", "data": data}
    return json_response({"model_name": "flight-risk", "model_version": version, "id": "UA1", "outputs": [output]})


def answering(version: str) -> Handler:
    async def handler(_: Request) -> Response:
        return prediction(version)

    return handler


class Gateway:
    """A gateway without a socket: requests go to `ask`."""

    def __init__(
        self,
        release: ServingRelease | None = None,
        settings: GatewaySettings | None = None,
        routes: Routes | None = None,
        seed: int = 1,
    ) -> None:
        settings = settings or GatewaySettings(deadline_seconds=5.0)
        self.ring = PredictionRing(lambda: 1000.0)
        self.metrics = GatewayMetrics("1.0.0")
        draw = random.Random(seed).random
        self.router = Router(routes or single_route(SERVICE), settings, self.metrics, LOG, draw, lambda: 1000.0)
        self.outcomes = Outcomes(lambda: self.router.settle(asyncio.get_running_loop().time()))
        self.forwarder = Forwarder(self.router, settings, self.metrics, self.ring, self.outcomes)
        self.forwarder.shadow()
        self.app = GatewayApp(
            release or ServingRelease(), settings, self.router, self.forwarder, self.ring, self.metrics
        )
        self.app.ready = True

    def serve(self, service: str, *endpoints: Endpoint, at: float = 0.0) -> None:
        self.router.update(service, endpoints, at)

    async def ask(
        self,
        path: str = INFER,
        query: dict[str, str] | None = None,
        body: bytes = b"{}",
        headers: dict[str, str] | None = None,
    ) -> Response:
        arrived = asyncio.get_running_loop().time()
        return await self.app.handle(Request("POST", path, query or {}, body, arrived, headers or {}))

    def value(self, name: str, **labels: str) -> float | None:
        self.router.publish()
        return self.metrics.registry.get_sample_value(name, labels)

    def attempts(self, replica: str, code: str, version: str, track: str = SERVICE) -> float | None:
        labels = {"track": track, "replica": replica, "code": code, "model_version": version}
        return self.value("gateway_upstream_requests_total", **labels)

    def answers(self, code: str) -> float | None:
        return self.value("request_duration_seconds_count", code=code)


@asynccontextmanager
async def gateway_to(*handlers: Handler, gateway: Gateway | None = None) -> AsyncIterator[Gateway]:
    own = gateway or Gateway()
    async with contextlib_stack(handlers) as addresses:
        own.serve(SERVICE, *(Endpoint(f"model-{n}", address, "1.0.0") for n, address in enumerate(addresses)))
        yield own
        own.forwarder.close()
        own.router.close()


def replica_address(gateway: Gateway, service: str = SERVICE) -> Address:
    """Where the first replica of a service listens."""
    return gateway.router._tracks[service]._endpoints[0].address


@asynccontextmanager
async def contextlib_stack(handlers: tuple[Handler, ...]) -> AsyncIterator[list[Address]]:
    if not handlers:
        yield []
        return
    async with serving(handlers[0]) as (_, address), contextlib_stack(handlers[1:]) as others:
        yield [address, *others]


async def test_replicas_take_turns_and_are_counted_by_version() -> None:
    async with gateway_to(answering("1"), answering("2")) as gateway:
        for _ in range(4):
            assert (await gateway.ask()).status == 200
        assert gateway.attempts("model-0", "200", "1") == 2
        assert gateway.attempts("model-1", "200", "2") == 2
        assert gateway.answers("200") == 4


async def test_without_replicas_it_answers_503_and_is_not_ready() -> None:
    gateway = Gateway()
    answer = await gateway.ask()
    assert (answer.status, json.loads(answer.body)) == (503, {"error": "no replica is ready"})
    assert (await gateway.ask("/healthz")).status == 503
    assert (await gateway.ask("/livez")).status == 200


async def test_the_deadline_covers_the_whole_request() -> None:
    async def never(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with gateway_to(never, gateway=Gateway(settings=HURRY)) as gateway:
        answer = await gateway.ask()
        assert (answer.status, json.loads(answer.body)) == (504, {"error": "no answer within the deadline of 50 ms"})
        assert gateway.attempts("model-0", "deadline", "unknown") == 1
        assert gateway.answers("504") == 1


async def test_an_audit_counts_against_the_deadline() -> None:
    release = ServingRelease(audit=Audit(share=1.0, wait_ms=60_000))
    async with gateway_to(answering("1"), gateway=Gateway(release, HURRY)) as gateway:
        assert (await gateway.ask()).status == 504


async def test_a_rejecting_release_refuses_its_share() -> None:
    release = ServingRelease(reject=Reject(share=0.5, status=429))
    async with gateway_to(answering("1"), gateway=Gateway(release)) as gateway:
        statuses = [(await gateway.ask()).status for _ in range(20)]
        assert set(statuses) == {200, 429}
        assert 8 <= statuses.count(429) <= 12


async def test_an_unreachable_replica_is_answered_for_by_another() -> None:
    async with gateway_to(answering("1")) as gateway:
        alive = Endpoint("model-0", replica_address(gateway), "1.0.0")
        gateway.serve(SERVICE, alive, Endpoint("gone", NOWHERE, "1.0.0"))
        assert [(await gateway.ask()).status for _ in range(4)] == [200] * 4
        assert gateway.attempts("gone", "unreachable", "unknown") == 2


async def test_where_no_replica_can_be_reached_it_answers_502() -> None:
    gateway = Gateway()
    gateway.serve(SERVICE, Endpoint("gone", NOWHERE, "1.0.0"))
    answer = await gateway.ask()
    assert answer.status == 502
    assert "gone" in json.loads(answer.body)["error"]


async def test_an_error_of_a_replica_is_passed_on_and_not_repeated() -> None:
    calls = []

    async def failing(request: Request) -> Response:
        calls.append(request.path)
        return error_response(500, "it broke")

    async with gateway_to(failing, failing) as gateway:
        answer = await gateway.ask()
        assert (answer.status, json.loads(answer.body)) == (500, {"error": "it broke"})
        assert calls == [INFER]
        assert (await gateway.ask("/predictions")).body == b'{"last":0,"predictions":[]}'


async def test_predictions_are_logged_row_by_row() -> None:
    async def batch(_: Request) -> Response:
        return prediction("2", (0.1, 0.9))

    async with gateway_to(batch) as gateway:
        await gateway.ask()
        rows = json.loads((await gateway.ask("/predictions", {"after": "0"})).body)["predictions"]
        assert [(row["seq"], row["id"], row["p"]) for row in rows] == [(1, "UA1/0", 0.1), (2, "UA1/1", 0.9)]
        assert (await gateway.ask("/predictions", {"after": "x"})).status == 400


def test_the_ring_forgets_the_oldest_and_tells_a_restart() -> None:
    ring = PredictionRing(lambda: 0.0, capacity=3)
    for number in range(5):
        ring.add(f"id{number}", 0.5, "1", "a")
    assert [row["seq"] for row in json.loads(ring.after(0))["predictions"]] == [3, 4, 5]
    assert [row["id"] for row in json.loads(ring.after(4))["predictions"]] == ["id4"]
    assert json.loads(ring.after(5)) == {"last": 5, "predictions": []}
    assert json.loads(ring.after(999)) == {"last": 5, "predictions": []}


async def test_series_of_a_replica_go_some_time_after_it() -> None:
    async with gateway_to(answering("1")) as gateway:
        await gateway.ask()
        gateway.serve(SERVICE, at=100.0)
        assert gateway.attempts("model-0", "200", "1") == 1
        gateway.metrics.changed((), now=100.0 + FORGET_SECONDS)
        assert gateway.attempts("model-0", "200", "1") is None


async def test_a_list_of_endpoints_outlives_the_register() -> None:
    """While discovery fails, the last list stays; when it is back, changes arrive again."""
    document: dict[str, object] = {"version": 7, "endpoints": [{"address": "10.0.0.1:80", "pod": "a", "release": "1"}]}
    broken = False
    seen: list[tuple[Endpoint, ...]] = []
    asked = asyncio.Event()

    async def discovery(request: Request) -> Response:
        if not broken and request.query["after"] == str(document["version"]):
            asked.set()
            await asyncio.sleep(0.01)
        return error_response(503, "not now") if broken else json_response(document)

    async with serving(discovery) as (_, address):
        following = asyncio.create_task(follow(address, "model-server", seen.append, LOG))
        async with asyncio.timeout(10):
            await asked.wait()
            assert [endpoint.pod for endpoint in seen[0]] == ["a"]
            broken = True
            await asyncio.sleep(0.05)
            assert len(seen) == 1
            broken, document = False, {"version": 9, "endpoints": []}
            while len(seen) < 2:
                await asyncio.sleep(0.01)
        assert seen[1] == ()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def test_a_listing_that_is_none_is_refused() -> None:
    for body in (b"{}", b"[]", b'{"endpoints": [{}]}', b"nonsense"):
        with pytest.raises(ValueError):
            parse_listing(body)
