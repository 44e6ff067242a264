"""A model server as its own process, for tests that need the real thing."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
DEADLINE_SECONDS = 30.0
INFER = "/v2/models/flight-risk/infer"
ROW: list[float | None] = [-2.0, 14.0, 163.0, 820.0, 5.0, 1.0, 1.1, -7.0, None, 62.0, 10.4, 10.0]


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running model server."""

    process: subprocess.Popen[str]
    port: int

    def ask(self, path: str, body: bytes | None = None, on_sent: Callable[[], object] = lambda: None) -> Reply:
        """GET the path, or POST the body to it; `on_sent` is called between question and answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        try:
            connection.request("GET" if body is None else "POST", path, body)
            on_sent()
            answer = connection.getresponse()
            return Reply(answer.status, answer.read().decode())
        finally:
            connection.close()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; a dead process or a minute without it fails the test."""
        deadline = monotonic() + DEADLINE_SECONDS
        while not self._holds(condition):
            assert self.process.poll() is None, self.process.communicate()[0]
            assert monotonic() < deadline, "the model server did not get there in time"
            Event().wait(0.05)

    def stop(self) -> int:
        """Ask it to stop and wait; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_SECONDS)

    def _holds(self, condition: Callable[[], bool]) -> bool:
        try:
            return condition()
        except OSError:
            return False


Starter = Callable[..., ServerProcess]


def scoring_body(data: object = None, shape: object = (1, 12), **changes: object) -> bytes:
    """A scoring request; `changes` replace members of its tensor."""
    tensor = {"name": "features", "datatype": "FP32", "shape": shape, "data": ROW if data is None else data}
    return json.dumps({"id": "UA1-1001-EWR-IAH", "inputs": [tensor | changes]}).encode()


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Starts model servers with a release file's text and arguments; all are gone after the module."""
    processes: list[subprocess.Popen[str]] = []

    def start(release: str = "", *arguments: str, tag: str = "9.9.9", port: int = 0) -> ServerProcess:
        path = tmp_path_factory.mktemp("release") / "release.yaml"
        path.write_text(release, encoding="utf-8")
        chosen = port or free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "stack.model_server", "--host=127.0.0.1", f"--port={chosen}", *arguments],
            cwd=REPOSITORY,
            env=os.environ | {"RELEASE": tag, "RELEASE_FILE": str(path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        return ServerProcess(process, chosen)

    yield start
    for process in processes:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def body() -> Callable[..., bytes]:
    """Makes scoring requests."""
    return scoring_body


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
