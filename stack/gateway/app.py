"""The gateway's HTTP interface."""

from __future__ import annotations

import asyncio

from stack.common.metrics import CONTENT_TYPE, exposition
from stack.common.release import ServingRelease
from stack.common.share import Share
from stack.gateway.forward import Forwarder
from stack.gateway.metrics import GatewayMetrics
from stack.gateway.replicas import Replicas
from stack.gateway.ring import PredictionRing
from stack.wire.server import Request, Response, error_response, json_response


class GatewayApp:
    """`/v2/models/...` to a replica; `/predictions`, `/healthz`, `/livez`, `/v2/health/...` and `/metrics` itself."""

    def __init__(
        self,
        release: ServingRelease,
        deadline_seconds: float,
        replicas: Replicas,
        forwarder: Forwarder,
        ring: PredictionRing,
        metrics: GatewayMetrics,
    ) -> None:
        self._release = release
        self._deadline = deadline_seconds
        self._replicas = replicas
        self._forwarder = forwarder
        self._ring = ring
        self._metrics = metrics
        self._audited = Share(release.audit.share)
        self._rejected = Share(release.reject.share, offset=0.5)
        self.ready = False
        """Whether the release has come up and is not on its way out."""

    async def handle(self, request: Request) -> Response:
        """Answer one request; a handler of `stack.wire.server`."""
        match request.path.split("/")[1:]:
            case ["v2", "models", _, *_]:
                return await self._score(request)
            case ["healthz"] | ["v2", "health", "ready"]:
                if self.ready and len(self._replicas):
                    return json_response({"status": "ok", "endpoints": len(self._replicas)})
                return error_response(503, "no replica is ready" if self.ready else "not taking requests")
            case ["livez"] | ["v2", "health", "live"]:
                return json_response({"status": "alive"})
            case ["metrics"]:
                return Response(200, exposition(self._metrics.registry), CONTENT_TYPE)
            case ["predictions"]:
                return self._predictions(request)
            case _:
                return error_response(404, "served: /v2/models/NAME/infer /predictions /healthz /livez /metrics")

    async def _score(self, request: Request) -> Response:
        try:
            async with asyncio.timeout_at(request.arrived + self._deadline):
                response = await self._examine(request)
        except TimeoutError:
            response = error_response(504, f"no answer within the deadline of {self._deadline * 1000:.0f} ms")
        if request.path.endswith("/infer"):
            seconds = asyncio.get_running_loop().time() - request.arrived
            self._metrics.durations.labels(str(response.status)).observe(seconds)
        return response

    async def _examine(self, request: Request) -> Response:
        if self._rejected.takes():
            return error_response(self._release.reject.status, "request refused")
        if self._audited.takes():
            await asyncio.sleep(self._release.audit.wait_ms / 1000)
        return await self._forwarder.forward(request)

    def _predictions(self, request: Request) -> Response:
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdigit()):
            return error_response(400, "after is the number of the last prediction seen")
        return Response(200, self._ring.after(int(after)))
