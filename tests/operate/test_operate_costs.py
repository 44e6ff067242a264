"""The verb `cost`: billing's figures as a table, its charges as a file, and what it says when something is amiss."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.errors import LabError
from lab.operate import console
from lab.telemetry.prometheus import TelemetryError

COSTS = {
    "currency": "USD", "since": 1.0, "hourly": 0.05, "total": 0.002, "budget_hourly": 0.1,
    "components": [
        {"component": "gateway", "pods": 1, "hourly": 0.01, "total": 0.0005},
        {"component": "model-server", "pods": 2, "hourly": 0.04, "total": 0.0015},
    ],
}  # fmt: skip


class _Billing(BaseHTTPRequestHandler):
    asked: list[str]
    costs: bytes

    def do_GET(self) -> None:
        self.asked.append(self.path)
        known = {"/costs": self.costs, "/focus.csv": b"BilledCost,Tags\r\n1,a\r\n2,b\r\n"}
        body = known.get(self.path.partition("?")[0], b"")
        self.send_response(400 if "yesterday" in self.path else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def handler() -> type[_Billing]:
    return type("Handler", (_Billing,), {"asked": [], "costs": json.dumps(COSTS).encode()})


@pytest.fixture
def lab(handler: type[_Billing]) -> Iterator[Any]:
    """A lab with nothing but the address of billing and one figure of Prometheus."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        provisioner = SimpleNamespace(service_url=lambda name: url if name == "billing" else "")
        yield SimpleNamespace(provisioner=provisioner, prometheus=SimpleNamespace(value=lambda promql: 0.00035))
        server.shutdown()
        thread.join()


def test_costs_are_a_table_with_the_dearest_first(lab: Any) -> None:
    lines = console.run_line(lab, "cost").text.splitlines()
    assert lines[0].split() == ["COMPONENT", "PODS", "USD/HOUR", "USD", "SO", "FAR"]
    assert lines[1].split() == ["model-server", "2", "0.0400", "0.001500"]
    assert lines[3].split() == ["all", "3", "0.0500", "0.002000"]
    assert lines[-2] == "50% of the budget of 0.1000 an hour"
    assert lines[-1] == "0.000350 USD for 1000 predictions"


def test_without_prometheus_the_rest_is_still_said(lab: Any) -> None:
    def silent(promql: str) -> float:
        raise TelemetryError("Prometheus does not answer", "refused.", "Look.")

    lab.prometheus = SimpleNamespace(value=silent)
    assert console.run_line(lab, "cost").text.endswith("No predictions to divide it by.")


def test_charges_become_a_file(lab: Any, handler: type[_Billing], tmp_path: Path) -> None:
    file = tmp_path / "charges.csv"
    outcome = console.run_line(lab, f"cost --csv {file} --from 2026-01-05T10:00:00Z")
    assert outcome.text == f"2 charges written to {file}"
    assert file.read_bytes().startswith(b"BilledCost")
    assert handler.asked == ["/focus.csv?from=2026-01-05T10%3A00%3A00Z"]


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("cost --csv=/nowhere/at/all.csv", "Name a file"), ("cost --csv=a.csv --from=yesterday", "2026-01-05"),
        ("cost --from=2026-01-05", "--csv"), ("cost --csv=", "--csv"), ("cost --yearly", "--csv"),
        ("cost gateway", "--csv"),
    ],
)  # fmt: skip
def test_a_wrong_line_says_what_would_be_right(lab: Any, tmp_path: Path, line: str, step: str) -> None:
    with pytest.raises(LabError) as caught:
        console.run_line(lab, line)
    assert step in caught.value.next_step


def test_a_billing_that_is_down_or_talks_nonsense_is_said_so(lab: Any, handler: type[_Billing]) -> None:
    handler.costs = b'{"currency": "USD"}'
    with pytest.raises(LabError, match="not understood"):
        console.run_line(lab, "cost")
    lab.provisioner = SimpleNamespace(service_url=lambda name: "http://127.0.0.1:1")
    with pytest.raises(LabError) as caught:
        console.run_line(lab, "cost")
    assert caught.value.title == "Billing does not answer"
