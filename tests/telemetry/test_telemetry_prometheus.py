"""PromQL over HTTP, against a server that answers as Prometheus does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from lab.telemetry.prometheus import Prometheus, QueryRefused, TelemetryError

VECTOR = {"resultType": "vector", "result": [{"metric": {"job": "feed"}, "value": [1000.5, "0.25"]}]}
ANSWERS: dict[str, Any] = {
    "up": VECTOR,
    "1": {"resultType": "scalar", "result": [1000.5, "1"]},
    "two": {"resultType": "vector", "result": [VECTOR["result"][0], VECTOR["result"][0]]},
    "none": {"resultType": "vector", "result": []},
    "nan": {"resultType": "vector", "result": [{"metric": {}, "value": [1000.5, "NaN"]}]},
    "matrix[5s]": {"resultType": "matrix", "result": []},
}
ALERTS = [
    {
        "labels": {"alertname": "Young"},
        "annotations": {},
        "state": "pending",
        "activeAt": "2026-10-01T10:00:05.123456789Z",
    },
    {
        "labels": {"alertname": "Old"},
        "annotations": {"summary": "s"},
        "state": "firing",
        "activeAt": "2026-10-01T10:00:00Z",
    },
]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlparse(self.path)
        query = parse_qs(url.query).get("query", [""])[0]
        match url.path.rsplit("/", 1)[-1]:
            case "alerts":
                self.answer(200, {"alerts": ALERTS})
            case "query" if query in ANSWERS:
                self.answer(200, ANSWERS[query])
            case "query_range":
                series = {"metric": {"job": "feed"}, "values": [[1.0, "2"], [2.0, "NaN"]]}
                self.answer(200, {"resultType": "matrix", "result": [series]})
            case "rules":
                self.answer(503, None, "no endpoints available for service")
            case _:
                self.answer(400, None, "parse error: unexpected end of input")

    def answer(self, code: int, data: object, error: str = "") -> None:
        body = json.dumps({"status": "success" if code == 200 else "error", "data": data, "error": error}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Prometheus(f"http://127.0.0.1:{server.server_address[1]}/")
    server.shutdown()
    server.server_close()
    thread.join()


def test_one_number_is_a_value_and_everything_else_is_none(prometheus: Prometheus) -> None:
    assert prometheus.value("up") == 0.25
    assert prometheus.value("1") == 1.0
    assert prometheus.value("none") is None
    assert prometheus.value("two") is None
    assert prometheus.value("nan") is None


def test_a_range_gives_its_points(prometheus: Prometheus) -> None:
    (series,) = prometheus.range("up", 0, 10, 1)
    assert series.labels == {"job": "feed"}
    assert series.points[0] == (1.0, 2.0)


def test_alerts_come_oldest_first(prometheus: Prometheus) -> None:
    assert [(alert.name, alert.state) for alert in prometheus.alerts()] == [("Old", "firing"), ("Young", "pending")]
    assert prometheus.alerts()[0].since == 1790848800.0


def test_a_refused_query_carries_prometheus_own_words(prometheus: Prometheus) -> None:
    with pytest.raises(QueryRefused, match="unexpected end"):
        prometheus.value("sum(")
    with pytest.raises(QueryRefused, match="matrix"):
        prometheus.instant("matrix[5s]")


def test_no_server_is_an_error_with_a_next_step() -> None:
    nobody = Prometheus("http://127.0.0.1:9")
    with pytest.raises(TelemetryError) as caught:
        nobody.value("up")
    assert "lab status" in caught.value.next_step
    assert not nobody.ready()


def test_a_proxy_without_prometheus_behind_it_is_silence_and_no_refusal(prometheus: Prometheus) -> None:
    with pytest.raises(TelemetryError, match="no endpoints") as caught:
        prometheus.rules()
    assert not isinstance(caught.value, QueryRefused)
