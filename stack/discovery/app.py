"""Discovery's HTTP interface."""

from __future__ import annotations

import dataclasses

from prometheus_client import CollectorRegistry, Counter, Gauge

from stack.common.metrics import CONTENT_TYPE, component_registry, exposition
from stack.discovery.bookings import Bookings
from stack.discovery.view import View
from stack.wire.server import Request, Response, error_response, json_response

LONGEST_WAIT = 60.0
"""Most seconds that a reader may wait for a change."""


class DiscoveryMetrics:
    """What discovery counts."""

    def __init__(self, release: str, view: View) -> None:
        self.registry: CollectorRegistry = component_registry("discovery", release)
        self.failures = Counter(
            "discovery_api_failures", "Failed lists and watches of the Kubernetes API.", registry=self.registry
        )
        targets = Gauge("discovery_targets", "Pods that Prometheus is told to scrape.", registry=self.registry)
        targets.set_function(lambda: len(view.scraped()))


class DiscoveryApp:
    """`GET /targets`, `/endpoints/SERVICE`, `/pods`, `/healthz`, `/livez`, `/metrics`."""

    def __init__(self, view: View, bookings: Bookings, metrics: DiscoveryMetrics) -> None:
        self._view = view
        self._bookings = bookings
        self._metrics = metrics
        self.started = False
        """Whether the release has come up; until then nothing is told."""

    async def handle(self, request: Request) -> Response:
        """Answer one request; a handler of `stack.wire.server`."""
        if request.method not in {"GET", "HEAD"}:
            return error_response(405, "only GET is served here")
        match request.path.split("/")[1:]:
            case ["livez"]:
                return json_response({"status": "alive"})
            case ["metrics"]:
                return Response(200, exposition(self._metrics.registry), CONTENT_TYPE)
            case ["healthz" | "targets" | "pods"] | ["endpoints", _] if not (self._view.synced and self.started):
                return error_response(503, "the pods are not known yet")
            case ["healthz"]:
                return json_response({"status": "ok"})
            case ["targets"]:
                return json_response(self._targets())
            case ["pods"]:
                return await self._pods(request)
            case ["endpoints", service]:
                return await self._endpoints(service, request)
            case _:
                return error_response(404, "served: /targets /endpoints/SERVICE /pods /healthz /livez /metrics")

    def _targets(self) -> list[dict[str, object]]:
        return [
            {
                "targets": [pod.address],
                "labels": {
                    "job": pod.component,
                    "pod": pod.name,
                    "release": pod.release,
                    "namespace": pod.namespace,
                },
            }
            for pod in self._view.scraped()
        ]

    async def _endpoints(self, service: str, request: Request) -> Response:
        try:
            after, seconds = _patience(request)
        except ValueError:
            return error_response(400, _PATIENCE)
        if seconds > 0:
            await self._view.wait(service, after, seconds)
        pods = self._view.ready(service)
        endpoints = [{"address": pod.address, "pod": pod.name, "release": pod.release} for pod in pods]
        return json_response({"version": self._view.version(service), "endpoints": endpoints})

    async def _pods(self, request: Request) -> Response:
        try:
            after, seconds = _patience(request)
        except ValueError:
            return error_response(400, _PATIENCE)
        if seconds > 0:
            await self._bookings.wait(after, seconds)
        pods = [dataclasses.asdict(booking) for booking in self._bookings.all()]
        return json_response({"version": self._bookings.version, "pods": pods})


_PATIENCE = "after is a version, wait a number of seconds"


def _patience(request: Request) -> tuple[int, float]:
    """The version that a reader knows, and how many seconds it waits for another one."""
    after = int(request.query.get("after", "0"))
    return after, min(float(request.query.get("wait", "0")), LONGEST_WAIT)
