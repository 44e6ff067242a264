"""A gateway in this process, with replicas that a test controls."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from test_flow_wire import LOG, serving

from stack.common.release import ServingRelease
from stack.gate.contract import Contract
from stack.gateway.app import GatewayApp
from stack.gateway.forward import Forwarder
from stack.gateway.metrics import GatewayMetrics
from stack.gateway.outcomes import Outcomes
from stack.gateway.quality import QualityGate
from stack.gateway.ring import PredictionRing
from stack.gateway.router import Router
from stack.gateway.routes import Routes, parse_routes, single_route
from stack.gateway.settings import GatewaySettings
from stack.wire.client import Address
from stack.wire.endpoints import Endpoint
from stack.wire.server import Handler, Request, Response, json_response

INFER = "/v2/models/flight-risk/infer"
NOWHERE = Address("127.0.0.1", 1)
SERVICE, CANARY = "model-server", "model-server-canary"
HURRY = GatewaySettings(deadline_seconds=0.05)


def prediction(version: str, values: Iterable[float] = (0.25,), flight: str = "UA1") -> Response:
    data = list(values)
    output = {"name": "probability", "shape": [len(data)], "datatype": "FP32", "data": data}
    return json_response({"model_name": "flight-risk", "model_version": version, "id": flight, "outputs": [output]})


def answering(version: str, values: Iterable[float] = (0.25,)) -> Handler:
    """A replica that gives the same probabilities every time, for the flight it is asked about."""
    data = tuple(values)

    async def handler(request: Request) -> Response:
        return prediction(version, data, json.loads(request.body or b"{}").get("id", "UA1"))

    return handler


async def never(_: Request) -> Response:
    """A replica that hangs."""
    await asyncio.Event().wait()
    raise AssertionError


class Gateway:
    """A gateway without a socket: requests go to `ask`."""

    def __init__(
        self,
        release: ServingRelease | None = None,
        settings: GatewaySettings | None = None,
        routes: Routes | None = None,
        seed: int = 1,
        contract: Contract | None = None,
    ) -> None:
        settings = settings or GatewaySettings(deadline_seconds=5.0)
        self.ring = PredictionRing(lambda: 1000.0)
        self.metrics = GatewayMetrics("1.0.0")
        draw = random.Random(seed).random
        self.router = Router(routes or single_route(SERVICE), settings, self.metrics, LOG, draw, lambda: 1000.0)
        self.outcomes = Outcomes(lambda: self.router.settle(asyncio.get_running_loop().time()))
        self.forwarder = Forwarder(self.router, settings, self.metrics, self.ring, self.outcomes)
        self.forwarder.shadow()
        gate = QualityGate(contract, settings.quality_mode, self.metrics)
        self.app = GatewayApp(
            release or ServingRelease(), settings, self.router, self.forwarder, self.ring, self.metrics, gate
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

    async def ask_often(self, count: int, start: int = 0) -> list[int]:
        """The statuses of requests for as many flights, `F0` and on."""
        bodies = (json.dumps({"id": f"F{number}"}).encode() for number in range(start, start + count))
        return [(await self.ask(body=body)).status for body in bodies]

    def value(self, name: str, **labels: str) -> float | None:
        self.router.publish()
        return self.metrics.registry.get_sample_value(name, labels)

    def attempts(self, replica: str, code: str, version: str, track: str = SERVICE) -> float | None:
        labels = {"track": track, "replica": replica, "code": code, "model_version": version}
        return self.value("gateway_upstream_requests_total", **labels)

    def answers(self, code: str) -> float | None:
        return self.value("request_duration_seconds_count", code=code)

    def route(self, service: str) -> dict[str, object]:
        """What `/routes` tells of a service."""
        told = self.router.status()["routes"]
        assert isinstance(told, list)
        found: dict[str, object] = next(route for route in told if route["service"] == service)
        return found


@asynccontextmanager
async def gateway_to(*handlers: Handler, gateway: Gateway | None = None) -> AsyncIterator[Gateway]:
    """A gateway whose one route goes to replicas `model-0`, `model-1` and so on."""
    async with tracks({SERVICE: handlers}, gateway or Gateway(), "model") as own:
        yield own


@asynccontextmanager
async def tracks(
    handlers: dict[str, tuple[Handler, ...]], gateway: Gateway, prefix: str = "", release: str = "1.0.0"
) -> AsyncIterator[Gateway]:
    """A gateway with replicas of several services, `SERVICE-0` and so on."""
    async with AsyncExitStack() as stack:
        for service, own in handlers.items():
            found = [(await stack.enter_async_context(serving(handler)))[1] for handler in own]
            named = (Endpoint(f"{prefix or service}-{n}", address, release) for n, address in enumerate(found))
            gateway.serve(service, *named)
        yield gateway
        gateway.forwarder.close()
        gateway.router.close()


def two_routes(more: str = "", weights: tuple[int, int] = (90, 10)) -> Routes:
    """Routes to the stable track and a canary; `more` are further lines of the file."""
    listed = f"routes: [{{service: {SERVICE}, weight: {weights[0]}}}, {{service: {CANARY}, weight: {weights[1]}}}]\n"
    return parse_routes(listed + more)


async def settled(what: str, condition: Callable[[], bool]) -> None:
    """Let the loop run until the condition holds; fails after ten seconds."""
    try:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"not within 10 s: {what}") from None
