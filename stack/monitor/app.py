"""The monitor's HTTP interface and metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from stack.common.metrics import CONTENT_TYPE, component_registry, exposition
from stack.monitor.quality import LiveQuality
from stack.wire.server import Request, Response, error_response, json_response


class MonitorMetrics:
    """Live quality as gauges; they are computed when Prometheus asks."""

    def __init__(self, release: str, quality: LiveQuality) -> None:
        self.registry = component_registry("monitor", release)
        gauges = (
            ("model_live_brier", "Brier score of the newest predictions whose outcome is known.", "brier"),
            ("model_live_labelled_share", "Share of the newest predictions whose outcome is known.", "labelled_share"),
            ("model_live_predictions", "Newest predictions that the live figures cover.", "predictions"),
        )
        self._gauges = [(Gauge(name, text, registry=self.registry), field) for name, text, field in gauges]
        self._quality = quality
        self.failures = Counter(
            "monitor_read_failures", "Logs of gateway or feed that could not be read.", registry=self.registry
        )

    def exposition(self) -> bytes:
        """All metrics as they are now."""
        figures = self._quality.figures()
        values = {
            "brier": figures.brier,
            "labelled_share": figures.labelled_share,
            "predictions": float(figures.predictions),
        }
        for gauge, field in self._gauges:
            gauge.set(values[field])
        return exposition(self.registry)


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
