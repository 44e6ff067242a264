"""Billing's answers: metrics under OpenCost's names, the summary, the FOCUS export, and where its figures come from."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from billing_pods import NOON, PRICES, page, pod
from prometheus_client.parser import text_string_to_metric_families

from stack.billing.app import BillingApp, BillingMetrics
from stack.billing.focus import COLUMNS
from stack.billing.ledger import Ledger
from stack.billing.prices import read_prices
from stack.billing.source import PodPage, follow_bookings, follow_series, metrics_of, quantities
from stack.common.listening import listen
from stack.wire.client import Address
from stack.wire.server import Request, Response, Server, json_response

PLATFORM = Path(__file__).resolve().parents[2] / "stack" / "platform"
LOG = logging.getLogger("billing-test")
MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName",
    "PublisherName", "ServiceCategory", "ServiceName",
}  # fmt: skip
"""The mandatory columns of FOCUS 1.2."""


class Billing:
    """The application on a clock of the test."""

    def __init__(self) -> None:
        self.now = NOON
        self.ledger = Ledger(PRICES)
        metrics = BillingMetrics("0.4.1", self.ledger, lambda: self.now)
        self.app = BillingApp(self.ledger, metrics, lambda: self.now)

    def hold(self, seen: PodPage) -> None:
        amounts, since = quantities(seen)
        self.ledger.hold(amounts, self.now, since)

    async def get(self, path: str, **query: str) -> Response:
        return await self.app.handle(Request("GET", path, query, b"", 0.0))

    async def rows(self, **query: str) -> list[dict[str, str]]:
        answer = await self.get("/focus.csv", **query)
        assert answer.status == 200
        return list(csv.DictReader(io.StringIO(answer.body.decode())))

    async def samples(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families((await self.get("/metrics")).body.decode()):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found


@pytest.fixture
def billing() -> Billing:
    made = Billing()
    made.hold(page(pod("gateway-1"), pod("train-1", "train", cpu=2, gib=8, gpu=1)))
    made.ledger.hold_series(metrics_of("lab-a"), 1.2, NOON)
    return made


async def test_allocations_and_prices_have_opencosts_names_and_labels(billing: Billing) -> None:
    found = await billing.samples()
    labels = {
        "container": "gateway", "instance": "node-1", "namespace": "lab-a", "node": "node-1", "pod": "gateway-1"
    }  # fmt: skip
    assert found["container_cpu_allocation"][0] == (labels, 0.1)
    assert found["container_memory_allocation_bytes"][0] == (labels, 0.25 * 2**30)
    assert [value for _, value in found["container_gpu_allocation"]] == [0, 1]
    node = {"instance": "node-1", "node": "node-1"}
    for name, price in (("cpu", 0.04), ("ram", 0.005), ("gpu", 0.6)):
        assert found[f"node_{name}_hourly_cost"] == [(node, price)]
    assert found["billing_telemetry_hourly_cost"][0][1] == pytest.approx(0.0132)


async def test_counters_grow_with_time_and_agree_with_the_summary(billing: Billing) -> None:
    billing.now += 1800
    found = await billing.samples()
    summary = json.loads((await billing.get("/costs")).body)
    assert sum(value for _, value in found["billing_cost_total"]) == pytest.approx(summary["total"])
    assert summary["total"] == pytest.approx(summary["hourly"] / 2)
    assert [part["component"] for part in summary["components"]] == ["gateway", "prometheus", "train"]
    assert (summary["currency"], summary["since"], summary["budget_hourly"]) == ("USD", NOON, 0.1)
    billing.hold(page(pod("gateway-1")))
    parts = {part["component"]: part for part in json.loads((await billing.get("/costs")).body)["components"]}
    assert (parts["train"]["pods"], parts["train"]["hourly"]) == (0, 0)
    assert parts["train"]["total"] > 0


async def test_telemetry_declares_what_is_exported(billing: Billing) -> None:
    parts = [yaml.safe_load((PLATFORM / name).read_text()) for name in ("telemetry.yaml", "telemetry/billing.yaml")]
    metrics = [item for part in parts for item in part["metrics"] if "billing" in item["exported_by"]]
    declared = {item["name"]: set(item["labels"]) for item in metrics}
    assert {name: set(rows[0][0]) for name, rows in (await billing.samples()).items()} == declared


async def test_the_export_has_focus_columns_and_the_same_total(billing: Billing) -> None:
    assert set(COLUMNS) >= MANDATORY
    assert all(name.startswith("x_") or name[0].isupper() for name in COLUMNS)
    billing.now += 5400
    rows = await billing.rows()
    assert len(rows) == 2 * (2 + 3 + 1), "two clock hours of each item"
    summary = json.loads((await billing.get("/costs")).body)
    for column in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        assert sum(float(row[column]) for row in rows) == pytest.approx(summary["total"], rel=1e-6)
    row = next(row for row in rows if row["SkuId"] == "gpu")
    assert row["ChargePeriodStart"] == "2026-01-01T12:00:00.000Z"
    assert row["ChargePeriodEnd"] == "2026-01-01T13:00:00.000Z"
    assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == (
        "2026-01-01T00:00:00.000Z",
        "2026-02-01T00:00:00.000Z",
    )
    assert (row["ServiceName"], row["ServiceCategory"], row["ResourceId"]) == ("Accelerators", "Compute", "uid-train-1")
    assert (row["BilledCost"], row["ListUnitPrice"], row["PricingUnit"]) == ("0.6", "0.6", "GPU-Hours")
    assert json.loads(row["Tags"]) == {"app.kubernetes.io/name": "train", "kubernetes.io/owner-kind": "ReplicaSet"}


async def test_the_export_takes_a_period(billing: Billing) -> None:
    billing.now += 3600
    half = await billing.rows(**{"from": "2026-01-01T12:15:00Z", "to": str(NOON + 2700)})
    whole = await billing.rows()
    assert sum(float(row["BilledCost"]) for row in half) * 2 == pytest.approx(
        sum(float(row["BilledCost"]) for row in whole)
    )
    assert await billing.rows(**{"from": "2027-01-01"}) == []
    for wrong in ("yesterday", "nan"):
        assert (await billing.get("/focus.csv", **{"from": wrong})).status == 400


async def test_it_is_ready_when_told_and_serves_nothing_else(billing: Billing) -> None:
    assert (await billing.get("/healthz")).status == 503
    billing.app.ready = True
    assert (await billing.get("/healthz")).status == 200
    assert (await billing.get("/livez")).status == 200
    assert (await billing.get("/prices")).status == 404


def test_the_shipped_sheet_is_one() -> None:
    prices = read_prices(PLATFORM / "billing" / "prices.yaml")
    assert prices.currency == "USD"
    assert prices.budget_hour > 0


async def test_figures_come_from_discovery_and_prometheus_also_after_a_failure() -> None:
    pages: list[PodPage] = []
    series: list[float] = []
    asked = 0

    async def answer(request: Request) -> Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            return json_response({"error": "not yet"}, 503)
        if request.path == "/metrics":
            return Response(200, b"# TYPE x gauge\nprometheus_tsdb_head_series 1234\n", "text/plain")
        after = int(request.query["after"])
        if after >= 8:
            await asyncio.sleep(20)
        containers = [{"name": "gateway", "cpu": 0.5, "memory": 2.0**30, "gpu": 0}]
        booked: dict[str, Any] = {
            "name": "gateway-1", "namespace": "lab-a", "uid": "u", "component": "gateway", "owner": "ReplicaSet",
            "node": "node-1", "since": "2026-01-01T12:00:00Z", "containers": containers,
        }  # fmt: skip
        return json_response({"version": after + 7 if not after else 8, "pods": [booked]})

    listener = listen("127.0.0.1", 0)
    address = Address("127.0.0.1", listener.getsockname()[1])
    server = Server(answer, LOG)
    await server.start(listener)
    tasks = [
        asyncio.create_task(follow_bookings(address, pages.append, LOG)),
        asyncio.create_task(follow_series(address, series.append, LOG)),
    ]
    async with asyncio.timeout(15):
        while len(pages) < 2 or not (series or asked > 1):
            await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.close(0.1)
    assert [seen.version for seen in pages] == [7, 8]
    amounts, since = quantities(pages[0])
    assert sorted(amounts.values()) == [0.0, 0.5, 1.0]
    assert list(since.values()) == [NOON]
    assert set(series) <= {1234.0}
