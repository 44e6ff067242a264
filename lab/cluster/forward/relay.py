"""The HTTP server of one Service: every request goes on to the cluster, every answer comes back as it arrives."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from lab.cluster.forward.upstream import Body, Unreachable, Upstream

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

HOST = "127.0.0.1"
IDLE_SECONDS = 75
PART_BYTES = 64 * 1024
BUFFERED_BYTES = 1024 * 1024
"""Bodies up to this size are read before they are sent on, so that they can be sent again."""

_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "expect", "content-length"}
)
_OURS = frozenset(("host", "authorization"))
_PRIVILEGED = re.compile(r"impersonate-|x-remote-", re.IGNORECASE)
"""Headers by which the API server would take the caller for somebody else."""


class ServiceServer(ThreadingHTTPServer):
    """Listens on one loopback port for one Service."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, service: str, port: int, upstream: Upstream) -> None:
        super().__init__((HOST, port), _Relay)
        self.service = service
        self.upstream = upstream

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve in a thread of its own."""
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True, name=self.service).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""

    def is_own_host(self, host: str) -> bool:
        """Whether a Host header names this server: pages of other sites that resolve to loopback do not."""
        return host.lower() in (f"{name}:{self.port}" for name in (HOST, "localhost"))


def open_server(service: str, upstream: Upstream, preferred: int) -> ServiceServer:
    """A server on the preferred port, or on another one where that is taken; 0 prefers none."""
    with contextlib.suppress(OSError):
        return ServiceServer(service, preferred, upstream)
    return ServiceServer(service, 0, upstream)


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def relay(self) -> None:
        """Pass one request on and its answer back."""
        refusal = self._refusal()
        if refusal:
            self._explain(*refusal)
            return
        ours = cast(ServiceServer, self.server)
        path = self.path.removeprefix(ours.upstream.prefix(ours.service)) or "/"
        try:
            body = self._body()
            answer = ours.upstream.send(self.command, ours.service, path, self._headers_onward(), body)
        except Unreachable as error:
            self._explain(502, str(error))
            return
        except (ValueError, OSError):
            self._explain(400, "the request's body is not complete")
            return
        try:
            self._answer(answer, ours.upstream.prefix(ours.service))
        finally:
            answer.close()
            answer.release_conn()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = relay  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""

    def _refusal(self) -> tuple[int, str] | None:
        ours = cast(ServiceServer, self.server)
        if not ours.is_own_host(self.headers.get("Host", "")):
            return 403, "this address answers on 127.0.0.1 and localhost only"
        origin = self.headers.get("Origin")
        if origin is not None and not ours.is_own_host(urlsplit(origin).netloc):
            return 403, "pages of other sites may not call this address"
        path = urlsplit(self.path).path if self.path.startswith("/") else ""
        if not path or {".", ".."} & set(re.split(r"[/\\]", unquote(path))):
            return 400, "the path must start with / and must not have . or .. in it"
        return None

    def _headers_onward(self) -> dict[str, str]:
        named = {name.strip().lower() for name in self.headers.get("Connection", "").split(",")}
        onward: dict[str, str] = {}
        for name, value in self.headers.items():
            low = name.lower()
            if low in _HOP or low in _OURS or low in named or _PRIVILEGED.match(low):
                continue
            onward[name] = f"{onward[name]}, {value}" if name in onward else value
        return onward

    def _body(self) -> Body:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return _chunks(self)
        text = self.headers.get("Content-Length")
        if text is None:
            return None
        length = int(text)
        if length < 0:
            raise ValueError("negative length")
        if length > BUFFERED_BYTES:
            return _parts(self, length)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ValueError("short body")
        return body

    def _answer(self, answer: BaseHTTPResponse, prefix: str) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers.iteritems():
            if name.lower() not in _HOP:
                self.send_header(name, _without_prefix(value, prefix) if name.lower() in _ADDRESSES else value)
        length = answer.headers.get("Content-Length")
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        chunked = length is None and not bodiless and self.request_version == "HTTP/1.1"
        if length is not None:
            self.send_header("Content-Length", length)
        elif chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif not bodiless:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if not bodiless:
            self._send_body(answer, chunked)

    def _send_body(self, answer: BaseHTTPResponse, chunked: bool) -> None:
        from urllib3.exceptions import HTTPError

        try:
            for part in answer.stream(PART_BYTES, decode_content=False):
                if part:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        except (HTTPError, OSError, http.client.HTTPException):
            self.close_connection = True
            return
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _explain(self, status: int, why: str) -> None:
        """An answer of the forwarder's own, after which the connection ends."""
        text = f"{why}\n".encode()
        self.close_connection = True
        with contextlib.suppress(OSError, socket.timeout):
            self.send_response_only(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(text)


_ADDRESSES = frozenset(("location", "content-location"))


def _without_prefix(value: str, prefix: str) -> str:
    """The address in a header as this server's clients have to ask for it."""
    head, found, tail = value.partition(prefix)
    if not found or (head and not re.fullmatch(r"https?://[^/]+", head)):
        return value
    return tail if tail.startswith("/") else f"/{tail}"


def _parts(handler: BaseHTTPRequestHandler, length: int) -> Iterator[bytes]:
    """A long body in pieces."""
    while length:
        part = handler.rfile.read(min(PART_BYTES, length))
        if not part:
            raise OSError("short body")
        length -= len(part)
        yield part


def _chunks(handler: BaseHTTPRequestHandler) -> Iterator[bytes]:
    """A chunked body, chunk by chunk."""
    while size := int(handler.rfile.readline(1024).split(b";")[0], 16):
        yield from _parts(handler, size)
        handler.rfile.readline(8)
    while handler.rfile.readline(PART_BYTES) not in (b"\r\n", b"\n", b""):
        pass
