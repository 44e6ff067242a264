"""Load on an HTTP server: by wrk where it is installed, else by a client in this process."""

from __future__ import annotations

import selectors
import shutil
import socket
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

_SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = [==[%s]==]
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("counted %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), failed))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one server was asked, and how it kept up."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def put_load(port: int, path: str, body: str, seconds: float, connections: int, scratch: Path) -> Load:
    """
    Send requests over keep-alive connections, each as soon as the one before is answered.

    Raises:
        RuntimeError: an answer other than 2xx, or none.
    """
    if program := shutil.which("wrk"):
        return _by_wrk(program, port, path, body, seconds, connections, scratch)
    return _by_python(port, path, body, seconds, connections)


def client_name() -> str:
    """Which client puts the load."""
    return "wrk, one thread" if shutil.which("wrk") else "a Python client, one thread (install wrk for a faster one)"


def _by_wrk(program: str, port: int, path: str, body: str, seconds: float, connections: int, scratch: Path) -> Load:
    script = scratch / "load.lua"
    script.write_text(_SCRIPT % body, encoding="utf-8")
    whole = max(1, round(seconds))
    arguments = ["-t1", f"-c{connections}", f"-d{whole}", "--timeout=20", "-s", str(script)]
    done = subprocess.run(
        [program, *arguments, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=False
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("counted ")), None)
    if line is None:
        raise RuntimeError(f"wrk said: {done.stdout}{done.stderr}")
    requests, duration_us, p50_us, p99_us, failed = map(int, line.split()[1:])
    if failed or not requests:
        raise RuntimeError(f"{failed} of {requests} requests failed")
    return Load(requests, duration_us / 1e6, p50_us / 1e3, p99_us / 1e3)


def _by_python(port: int, path: str, body: str, seconds: float, connections: int) -> Load:
    content = body.encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    message = head.encode() + content
    selector = selectors.DefaultSelector()
    sent: dict[socket.socket, float] = {}
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, connection)
        sent[connection] = perf_counter()
        connection.sendall(message)
    waits: list[float] = []
    start = perf_counter()
    while (now := perf_counter()) - start < seconds:
        for key, _ in selector.select(1.0):
            _receive(key.data)
            now = perf_counter()
            waits.append(now - sent[key.data])
            sent[key.data] = now
            key.data.sendall(message)
    for connection in sent:
        connection.close()
    cuts = statistics.quantiles(waits, n=100)
    return Load(len(waits), now - start, cuts[49] * 1e3, cuts[98] * 1e3)


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
    lower = head.lower()
    start = lower.index(b"content-length: ") + 16
    return int(head[start:].partition(b"\r")[0])
