"""Billing's HTTP interface and metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stack.billing.focus import VERSION, focus_csv
from stack.billing.ledger import Item, Ledger
from stack.billing.prices import GIB, Sku
from stack.common.metrics import CONTENT_TYPE, component_registry, exposition
from stack.wire.server import Request, Response, error_response, json_response

_CONTAINER = ("container", "instance", "namespace", "node", "pod")
_NODE = ("instance", "node")
_ALLOCATIONS = (
    (Sku.CPU, "container_cpu_allocation", "Cores that a container has booked.", 1.0),
    (Sku.MEMORY, "container_memory_allocation_bytes", "Bytes of memory that a container has booked.", float(GIB)),
    (Sku.GPU, "container_gpu_allocation", "Devices that a container has booked.", 1.0),
)
"""Sku, name and help of OpenCost's metric, and what the ledger's quantity is multiplied with."""
_PRICES = (
    (Sku.CPU, "node_cpu_hourly_cost", "Price of a core for an hour on this node."),
    (Sku.MEMORY, "node_ram_hourly_cost", "Price of a GiB of memory for an hour on this node."),
    (Sku.GPU, "node_gpu_hourly_cost", "Price of a device for an hour on this node."),
)


class BillingMetrics:
    """The ledger in Prometheus' format; allocations and node prices under the names that OpenCost gives them."""

    def __init__(self, release: str, ledger: Ledger, clock: Callable[[], float]) -> None:
        self.registry = component_registry("billing", release)
        self._ledger = ledger
        self._clock = clock
        self.registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """All metrics as they are now; called by the registry."""
        held = dict(self._ledger.held())
        yield from self._allocations(held)
        prices = self._ledger.prices
        nodes = sorted({item.resource.node for item in held} - {""})
        for sku, name, text in _PRICES:
            gauge = GaugeMetricFamily(name, text, labels=_NODE)
            for node in nodes:
                gauge.add_metric((node, node), prices.of(sku))
            yield gauge
        hourly = self._ledger.hourly()
        series = sum(cost for (_, sku), cost in hourly.items() if sku is Sku.SERIES)
        yield GaugeMetricFamily("billing_telemetry_hourly_cost", "Price of all metric series for an hour.", series)
        yield GaugeMetricFamily("billing_budget_hourly_cost", "What an hour may cost.", prices.budget_hour)
        total = CounterMetricFamily("billing_cost", "What was charged so far.", labels=("component", "sku"))
        for (component, sku), cost in sorted(self._ledger.totals(self._clock()).items()):
            total.add_metric((component, sku.value), cost)
        yield total

    @staticmethod
    def _allocations(held: dict[Item, float]) -> Iterable[Metric]:
        resources = sorted({item.resource for item in held if item.sku is not Sku.SERIES})
        for sku, name, text, factor in _ALLOCATIONS:
            gauge = GaugeMetricFamily(name, text, labels=_CONTAINER)
            for own in resources:
                labels = (own.container, own.node, own.namespace, own.node, own.name)
                gauge.add_metric(labels, held.get(Item(own, sku), 0.0) * factor)
            yield gauge


class BillingApp:
    """`GET /costs`, `/focus.csv`, `/healthz`, `/livez`, `/metrics`."""

    def __init__(self, ledger: Ledger, metrics: BillingMetrics, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self.ready = False
        """Whether the release has come up and pods are known."""

    async def handle(self, request: Request) -> Response:
        """Answer one request; a handler of `stack.wire.server`."""
        match request.path:
            case "/healthz":
                return json_response({"status": "ok"}) if self.ready else error_response(503, "starting")
            case "/livez":
                return json_response({"status": "alive"})
            case "/metrics":
                return Response(200, exposition(self._metrics.registry), CONTENT_TYPE)
            case "/costs":
                return json_response(self._costs())
            case "/focus.csv":
                return self._focus(request)
            case _:
                return error_response(404, "served: /costs /focus.csv /healthz /livez /metrics")

    def _costs(self) -> dict[str, object]:
        """What is held and was charged, by component; amounts in the sheet's currency."""
        hourly, totals = self._ledger.hourly(), self._ledger.totals(self._clock())
        pods: dict[str, set[str]] = {}
        for item in [item for item, _ in self._ledger.held() if item.sku is not Sku.SERIES]:
            pods.setdefault(item.resource.component, set()).add(item.resource.name)
        prices = self._ledger.prices
        return {
            "currency": prices.currency,
            "since": self._ledger.began,
            "hourly": sum(hourly.values()),
            "total": sum(totals.values()),
            "budget_hourly": prices.budget_hour,
            "components": [
                {
                    "component": name,
                    "pods": len(pods.get(name, ())),
                    "hourly": sum(cost for (own, _), cost in hourly.items() if own == name),
                    "total": sum(cost for (own, _), cost in totals.items() if own == name),
                }
                for name in sorted({own for own, _ in totals})
            ],
        }

    def _focus(self, request: Request) -> Response:
        now = self._clock()
        try:
            start = _moment(request.query.get("from", ""), self._ledger.began or now)
            end = _moment(request.query.get("to", ""), now)
        except ValueError:
            return error_response(400, "from and to are times like 2026-01-05T10:00:00Z or Unix seconds")
        text = focus_csv(self._ledger.charges(start, end, now), self._ledger.prices)
        return Response(200, text.encode(), f"text/csv; charset=utf-8; header=present; profile=FOCUS-{VERSION}")


def _moment(text: str, default: float) -> float:
    """Unix seconds of a time as ISO 8601, UTC where it says nothing else, or as a number."""
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
        value = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(value):
        raise ValueError(text)
    return value
