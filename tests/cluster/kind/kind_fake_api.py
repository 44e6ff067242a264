"""An API server of plain HTTP that keeps what reached it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

TOKEN = "s3cret"
PREFIX = "/api/v1/namespaces/team-a/services/http:feed:http/proxy"


@dataclass
class Seen:
    """One request as it reached the API server."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeApi:
    """What the API server got, and what it is to say about credentials."""

    address: str
    token: str = TOKEN
    seen: list[Seen] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    go_on: Event = field(default_factory=Event)
    """Set by a test that has read the first part of a streamed answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: FakeApi

    def answer(self) -> None:
        body = self._body()
        self.api.connections.add(self.client_address)
        self.api.seen.append(Seen(self.command, self.path, dict(self.headers.items()), body))
        if self.headers.get("Authorization") != f"Bearer {self.api.token}":
            self._say(401, b'{"kind":"Status","code":401}')
        elif self.path.endswith("/stream"):
            self._stream()
        elif self.path.endswith("/cut"):
            self._cut()
        elif self.path.endswith("/there"):
            self._say(302, b"", Location=f"{PREFIX}/graph?a=1")
        elif self.path.endswith("/none"):
            self._say(503, b'{"kind":"Status","message":"no endpoints available for service"}')
        else:
            self._say(200, json.dumps({"path": self.path, "bytes": len(body)}).encode())

    do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        assert self.api.go_on.wait(10)
        self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def _cut(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[FakeApi]:
    """A running server."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    api = FakeApi(f"http://127.0.0.1:{server.server_address[1]}")
    handler.api = api  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield api
    api.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()
