"""The monitor's HTTP interface."""

from __future__ import annotations

from stack.common.metrics import CONTENT_TYPE
from stack.monitor.metrics import MonitorMetrics
from stack.wire.server import Request, Response, error_response, json_response


class MonitorApp:
    """`GET /healthz`, `/livez`, `/metrics`."""

    def __init__(self, metrics: MonitorMetrics) -> None:
        self._metrics = metrics
        self.ready = False
        """Whether the release has come up."""

    async def handle(self, request: Request) -> Response:
        """Answer one request; a handler of `stack.wire.server`."""
        match request.path:
            case "/healthz":
                return json_response({"status": "ok"}) if self.ready else error_response(503, "starting")
            case "/livez":
                return json_response({"status": "alive"})
            case "/metrics":
                return Response(200, self._metrics.exposition(), CONTENT_TYPE)
            case _:
                return error_response(404, "served: /healthz /livez /metrics")
