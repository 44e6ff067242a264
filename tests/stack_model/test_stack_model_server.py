"""The model server as a process: answers, metrics, releases, and a stop that loses nothing."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stack.data.pool import load_pool
from stack.model_server.application import EXTENSIONS
from stack.model_server.scorer import Scorer
from stack.registry.versions import resolve

if TYPE_CHECKING:
    from conftest import ServerProcess, Starter

INFER = "/v2/models/flight-risk/infer"
Body = Callable[..., bytes]


def ready(server: ServerProcess) -> ServerProcess:
    server.until(lambda: server.ask("/v2/health/ready").status == 200)
    return server


@pytest.fixture(scope="module")
def server(start_server: Starter) -> ServerProcess:
    return ready(start_server("notes: as before\n", tag="2.3.5"))


def test_it_scores_a_flight(server: ServerProcess, body: Body) -> None:
    reply = server.ask(INFER, body())
    answer = reply.json()
    assert reply.status == 200
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("UA1-1001-EWR-IAH", "flight-risk", "2")
    assert answer["parameters"]["sha256"] == resolve("champion").sha256
    assert answer["outputs"][0]["data"] == [pytest.approx(0.0483, abs=1e-3)]
    assert server.ask("/v2/models/flight-risk/versions/2/infer", body()).json() == answer


def test_many_flights_score_as_the_model_scores_them(server: ServerProcess, body: Body) -> None:
    rows = load_pool("calm").features[:500]
    data = [None if np.isnan(value) else float(value) for value in rows.ravel()]
    output = server.ask(INFER, body(data, rows.shape)).json()["outputs"][0]
    assert output["shape"] == [500]
    np.testing.assert_allclose(output["data"], Scorer.load(resolve("champion")).score(rows), atol=1e-6)


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        (b"{", 400, "the body is not JSON: Input data was truncated"),
        (b"{}", 422, "the body: Object missing required field `inputs`"),
        (b" " * 2_100_000, 413, "the body is longer than 2097152 bytes; send fewer rows at once"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(server: ServerProcess, text: bytes, status: int, told: str) -> None:
    reply = server.ask(INFER, text)
    assert (reply.status, reply.json()) == (status, {"error": told})


def test_only_post_scores(server: ServerProcess) -> None:
    assert server.ask(INFER).json() == {"error": "scores are asked for by POST, not by GET"}


def test_health_and_metadata(server: ServerProcess) -> None:
    for path in ("/healthz", "/v2/health/live", "/v2/health/ready", "/v2/models/flight-risk/ready"):
        assert server.ask(path).json() == {"ok": True, "phase": "ready"}
    assert server.ask("/v2").json() == {
        "name": "flight-risk model server",
        "version": "2.3.5",
        "extensions": [*EXTENSIONS],
    }
    model = server.ask("/v2/models/flight-risk").json()
    assert model["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 12]}]
    assert model["outputs"] == [{"name": "probability", "datatype": "FP32", "shape": [-1]}]
    assert [feature["name"] for feature in model["features"]][:2] == ["dep_delay", "sched_hour"]
    assert server.ask("/v2/models/flight-risk/versions/2").json() == model


def test_an_unknown_path_is_told_as_json(server: ServerProcess) -> None:
    reply = server.ask("/v2/model")
    assert (reply.status, reply.json()) == (404, {"error": "nothing is served at /v2/model; see /docs"})


def test_the_documentation_includes_scoring(server: ServerProcess) -> None:
    assert "post" in server.ask("/openapi.json").json()["paths"][INFER]
    page = server.ask("/docs")
    assert page.status == 200
    assert f"<b>POST</b> {INFER}" in page.text
    assert "UA1-1001-EWR-IAH" in page.text
    assert "<script" not in page.text
    assert not re.search(r"(src|href)=.?(https?:)?//", page.text), "it loads nothing from elsewhere"


def test_metrics_count_requests_by_code(server: ServerProcess, body: Body) -> None:
    def counts() -> dict[str, float]:
        samples = (line.rpartition(" ") for line in server.ask("/metrics").text.splitlines())
        return {name: float(value) for name, _, value in samples if name.startswith("request_duration_seconds_count")}

    before = counts()
    server.ask(INFER, body())
    server.ask(INFER, b"{}")
    for code in ("200", "422"):
        name = f'request_duration_seconds_count{{code="{code}"}}'
        server.until(lambda name=name: counts().get(name, 0.0) == before.get(name, 0.0) + 1)  # type: ignore[misc]
    text = server.ask("/metrics").text
    assert 'release_info{component="model-server",release="2.3.5"} 1.0' in text
    assert f'model_version_info{{model="flight-risk",sha256="{resolve("2").sha256}",version="2"}} 1.0' in text


def test_a_release_makes_audited_requests_wait_and_a_stop_answers_them(start_server: Starter, body: Body) -> None:
    server = ready(start_server("audit: {share: 1.0, wait_ms: 700}\nlog: {every: 1}\n", "--model=1", tag="2.4.0"))

    asked = Barrier(5)

    def timed() -> tuple[int, str, float]:
        started = perf_counter()
        reply = server.ask(INFER, body(), on_sent=asked.wait)
        return reply.status, reply.json()["model_version"], perf_counter() - started

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(timed) for _ in range(4)]
        asked.wait(30)
        assert server.stop() == 0
        for answer in answers:
            status, version, seconds = answer.result()
            assert (status, version) == (200, "1")
            assert seconds >= 0.7
    log = server.process.communicate()[0]
    assert "INFO release 2.4.0 listens on" in log
    assert "INFO serving flight-risk version 1 (" in log
    assert log.count("answered") == 4
    assert "Traceback" not in log


def test_a_stop_loses_no_request(start_server: Starter, body: Body) -> None:
    """Clients that keep their connections, as far as they are told they may, get an answer to all that they send."""
    server = ready(start_server("log: {every: 1000000}\n"))
    answered = Barrier(5)

    def ask_on() -> tuple[int, int]:
        done = unanswered = 0
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        while True:
            try:
                connection.connect() if connection.sock is None else None
            except OSError:
                return done, unanswered
            try:
                connection.request("POST", INFER, body())
                answer = connection.getresponse()
                assert answer.status == 200, answer.read()
                answer.read()
            except (OSError, http.client.HTTPException):
                unanswered += 1
                connection.close()
                continue
            done += 1
            if done == 20:
                answered.wait(30)

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(ask_on) for _ in range(4)]
        answered.wait(30)
        assert server.stop() == 0
        for done, unanswered in (client.result() for client in clients):
            assert done > 20
            assert unanswered <= 1, "one connection each may have been in the listener's queue as it closed"


def test_what_cannot_start_says_so_in_one_line(start_server: Starter) -> None:
    process = start_server("audit: {shre: 1}\n").process
    log = process.communicate(timeout=30)[0]
    assert process.returncode == 1
    assert len(log.splitlines()) == 1
    assert "unknown key audit.shre; the nearest known key is audit.share" in log


def test_serving_needs_no_training_library() -> None:
    code = (
        "import json, sys; import stack.model_server.program; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert not {"sklearn", "skl2onnx", "onnx", "pandas", "scipy", "mlflow", "lab"} & set(json.loads(done.stdout))
