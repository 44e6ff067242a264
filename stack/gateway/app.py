"""The gateway's HTTP interface."""

from __future__ import annotations

import asyncio
import math

from stack.common.metrics import CONTENT_TYPE, exposition
from stack.common.release import ServingRelease
from stack.common.share import Share
from stack.gateway.admission import RETRY_AFTER_SECONDS, Admission
from stack.gateway.forward import DEADLINE_HEADER, Forwarder
from stack.gateway.metrics import GatewayMetrics
from stack.gateway.quality import QualityGate
from stack.gateway.ring import PredictionRing
from stack.gateway.router import Router
from stack.gateway.settings import GatewaySettings
from stack.wire.server import Request, Response, error_response, json_response

_SERVED = "served: /v2/models/NAME/infer /predictions /routes /healthz /livez /metrics"


class GatewayApp:
    """`/v2/models/...` to a replica; `/predictions`, `/routes`, `/healthz`, `/livez`, `/v2/health/...`, `/metrics`."""

    def __init__(
        self,
        release: ServingRelease,
        settings: GatewaySettings,
        router: Router,
        forwarder: Forwarder,
        ring: PredictionRing,
        metrics: GatewayMetrics,
        gate: QualityGate,
    ) -> None:
        self._gate = gate
        self._release = release
        self._deadline = settings.deadline_seconds
        self._router = router
        self._forwarder = forwarder
        self._ring = ring
        self._metrics = metrics
        self._admission = Admission(settings.most_in_flight, metrics.shed)
        self._audited = Share(release.audit.share)
        self._rejected = Share(release.reject.share, offset=0.5)
        self.ready = False
        """Whether the release has come up and is not on its way out."""
        self.routes_valid = True
        """Whether the routes file can be used as it is now."""

    async def handle(self, request: Request) -> Response:
        """Answer one request; a handler of `stack.wire.server`."""
        if request.path.startswith("/v2/models/"):
            return await self._score(request)
        match request.path.split("/")[1:]:
            case ["healthz"] | ["v2", "health", "ready"]:
                endpoints = self._router.endpoints
                if self.ready and endpoints:
                    return json_response({"status": "ok", "endpoints": endpoints})
                return error_response(503, "no replica is ready" if self.ready else "not taking requests")
            case ["livez"] | ["v2", "health", "live"]:
                return json_response({"status": "alive"})
            case ["metrics"]:
                self._router.publish()
                self._metrics.now(self._router.endpoints, self._admission.in_flight, self.routes_valid)
                return Response(200, exposition(self._metrics.registry), CONTENT_TYPE)
            case ["predictions"]:
                return self._predictions(request)
            case ["routes"]:
                return json_response(self._router.status())
            case _:
                return error_response(404, _SERVED)

    async def _score(self, request: Request) -> Response:
        if self._admission.enter():
            try:
                response = await self._within_deadline(request)
            finally:
                self._admission.leave()
        else:
            error = error_response(503, "too many requests are in flight")
            response = Response(503, error.body, headers=(("retry-after", str(RETRY_AFTER_SECONDS)),))
        if request.path.endswith("/infer"):
            self._metrics.answered(response.status, asyncio.get_running_loop().time() - request.arrived)
        return response

    async def _within_deadline(self, request: Request) -> Response:
        seconds = self._deadline
        wished = request.headers.get(DEADLINE_HEADER)
        if wished is not None:
            wish = _milliseconds(wished)
            if wish is None:
                return error_response(400, f"{DEADLINE_HEADER} is a number of milliseconds above 0")
            seconds = min(seconds, wish / 1000)
        try:
            async with asyncio.timeout_at(request.arrived + seconds):
                return await self._examine(request, request.arrived + seconds)
        except TimeoutError:
            return error_response(504, f"no answer within the deadline of {seconds * 1000:.0f} ms")

    async def _examine(self, request: Request, deadline: float) -> Response:
        if self._rejected.takes():
            return error_response(self._release.reject.status, "request refused")
        if self._audited.takes():
            await asyncio.sleep(self._release.audit.wait_ms / 1000)
        if request.method != "POST" or not request.path.endswith("/infer"):
            return await self._forwarder.forward(request, deadline)
        inspected = self._gate.inspect(request)
        refusal = self._gate.refusal(inspected)
        if refusal is not None:
            return refusal
        response = await self._forwarder.forward(request, deadline, inspected.features)
        return self._gate.marked(response, inspected)

    def _predictions(self, request: Request) -> Response:
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdigit()):
            return error_response(400, "after is the number of the last prediction seen")
        return Response(200, self._ring.after(int(after)))


def _milliseconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < math.inf else None
