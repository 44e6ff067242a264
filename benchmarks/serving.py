"""
How fast the model server is beside the usual ways to serve the same model, all measured in the same run.

    python -m benchmarks.serving [--seconds 1.5] [--rounds 3] [--connections 32]

Each server is one process on uvicorn with httptools and no access log; ours has its checks and metrics on. One row per
JSON request, keep-alive connections with one request in flight each, servers in turn within a round. The machine's own
speed and its other load change the absolute numbers; read the ratios, and the processor time per request, which is
least disturbed. All run on asyncio's own event loop.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
from dataclasses import dataclass
from threading import Event
from time import monotonic, perf_counter

import psutil

INFER = "/v2/models/flight-risk/infer"
ROW = [-2.0, 14.0, 163.0, 820.0, 5.0, 1.0, 1.1, -7.0, None, 62.0, 10.4, 10.0]
UVICORN = ["-m", "uvicorn", "--http=httptools", "--loop=asyncio", "--no-access-log", "--log-level=warning", "--factory"]
SERVERS = {
    "plain FastAPI + scikit-learn": [*UVICORN, "benchmarks.serving_baselines:plain_sklearn"],
    "FastAPI + pydantic + ONNX Runtime": [*UVICORN, "benchmarks.serving_baselines:pydantic_onnx"],
    "model server": ["-m", "stack.model_server"],
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One server under load for a moment."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Processor time of the server per request, in microseconds."""


def load(port: int, process: psutil.Process, seconds: float, connections: int) -> Turn:
    """Send requests as fast as they are answered; raises RuntimeError for an answer other than 200."""
    body = json.dumps({"id": "UA1-1001-EWR-IAH", "inputs": [_tensor()]}).encode()
    request = (
        f"POST {INFER} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    message = request.encode() + body
    selector = selectors.DefaultSelector()
    sent: dict[socket.socket, float] = {}
    connections_open: list[socket.socket] = []
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, connection)
        connections_open.append(connection)
    waits: list[float] = []
    cpu = sum(process.cpu_times()[:2])
    start = perf_counter()
    for connection in connections_open:
        _send(connection, message, sent)
    while (now := perf_counter()) - start < seconds:
        for key, _ in selector.select(1.0):
            connection = key.data
            _receive(connection)
            now = perf_counter()
            waits.append(now - sent[connection])
            _send(connection, message, sent)
    elapsed = now - start
    cpu = sum(process.cpu_times()[:2]) - cpu
    for connection in connections_open:
        connection.close()
    cuts = statistics.quantiles(waits, n=100)
    return Turn(len(waits) / elapsed, cuts[49] * 1e3, cuts[98] * 1e3, cpu / len(waits) * 1e6)


def _tensor() -> dict[str, object]:
    return {"name": "features", "datatype": "FP32", "shape": [1, 12], "data": ROW}


def _send(connection: socket.socket, message: bytes, sent: dict[socket.socket, float]) -> None:
    sent[connection] = perf_counter()
    connection.sendall(message)


def _receive(connection: socket.socket) -> None:
    """Read one whole answer."""
    answer = connection.recv(65536)
    while (end := answer.find(b"\r\n\r\n")) < 0 or len(answer) < end + 4 + _length(answer[:end]):
        more = connection.recv(65536)
        if not more:
            raise RuntimeError("the server closed a connection")
        answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the server answered {answer[:200]!r}")


def _length(head: bytes) -> int:
    start = head.index(b"content-length: ") + 16
    return int(head[start:].partition(b"\r")[0])


def start_server(arguments: list[str]) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server on a free port and wait until it takes connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, *arguments, "--host", "127.0.0.1", "--port", str(port)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    deadline = monotonic() + 60
    while monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            Event().wait(0.1)
        else:
            return process, port
    process.kill()
    raise RuntimeError(f"{' '.join(arguments)} did not start")


def main() -> None:
    """Run the rounds and print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    started: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
    turns: dict[str, list[Turn]] = {name: [] for name in SERVERS}
    try:
        for name, command in SERVERS.items():
            started[name] = start_server(command)
        for process, port in started.values():
            load(port, psutil.Process(process.pid), 0.3, arguments.connections)
        for _ in range(arguments.rounds):
            for name, (process, port) in started.items():
                turns[name].append(load(port, psutil.Process(process.pid), arguments.seconds, arguments.connections))
    finally:
        for process, _ in started.values():
            process.terminate()
        for process, _ in started.values():
            process.wait(10)
    _print(turns)


def _print(turns: dict[str, list[Turn]]) -> None:
    print(f"{'one process each':<36}{'req/s':>8}{'ratio':>8}{'p50 ms':>8}{'p99 ms':>8}{'cpu us':>8}{'ratio':>8}")
    slowest = turns[next(iter(turns))]
    for name, mine in turns.items():
        ratio = statistics.median(turn.per_second / base.per_second for turn, base in zip(mine, slowest, strict=True))
        cpu = statistics.median(turn.cpu_us for turn in mine)
        saved = statistics.median(base.cpu_us / turn.cpu_us for turn, base in zip(mine, slowest, strict=True))
        rate, p50, p99 = (
            statistics.median(getattr(turn, part) for turn in mine) for part in ("per_second", "p50_ms", "p99_ms")
        )
        print(f"{name:<36}{rate:>8.0f}{ratio:>8.1f}{p50:>8.2f}{p99:>8.2f}{cpu:>8.0f}{saved:>8.1f}")


if __name__ == "__main__":
    main()
