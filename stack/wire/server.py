"""A small HTTP/1.1 server for one handler, with an orderly end."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote

import msgspec

from stack.common.listening import BACKLOG
from stack.wire.message import MessageError
from stack.wire.parser import Message, Parser

JSON = "application/json"

MAX_WAITING = 256 * 1024
"""Bytes of later requests that may wait on a connection while one is answered; then it is not read from."""

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Request(msgspec.Struct, frozen=True):
    """One request: `path` is decoded and without the query; `arrived` is the loop's time in seconds."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    arrived: float
    headers: Mapping[str, str] = _NO_HEADERS
    """Names in lower case."""


class Response(msgspec.Struct, frozen=True):
    """One answer, with its whole body."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers, names in lower case."""


def json_response(document: object, status: int = 200) -> Response:
    """`document` as JSON."""
    return Response(status, json.dumps(document, separators=(",", ":")).encode())


def error_response(status: int, what: str) -> Response:
    """`{"error": what}`, the form of errors in the Open Inference Protocol."""
    return json_response({"error": what}, status)


Handler = Callable[[Request], Awaitable[Response]]


class Server:
    """
    Serves `handler` until closed.

    The end has two steps, so that no client meets a refusal while the news of this replica's end still spreads:
    `retire` closes idle connections and ends busy ones after their answer, still taking new ones; `close` stops
    listening and waits for what is in flight.
    """

    def __init__(self, handler: Handler, log: logging.Logger) -> None:
        self.handler = handler
        self.log = log
        self._connections: set[_Connection] = set()
        self._listener: asyncio.Server | None = None
        self.retired = False
        """Whether each connection ends after its answer."""

    async def start(self, listener: socket.socket) -> None:
        """Serve the connections of a listening socket, which is closed in the end."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: _Connection(self, self._connections, loop), sock=listener, backlog=BACKLOG
        )

    def retire(self) -> None:
        """From now on each connection ends after its answer; idle ones end at once."""
        self.retired = True
        for connection in tuple(self._connections):
            connection.end_if_idle()

    async def close(self, grace_seconds: float) -> None:
        """Stop listening, wait up to `grace_seconds` for the answers in flight, then cut what is left."""
        if self._listener is not None:
            self._listener.close()
        self.retire()
        tasks = {connection.task for connection in self._connections if connection.task is not None}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for connection in tuple(self._connections):
            connection.end_if_idle()


class _Connection(asyncio.Protocol):
    """One connection: its requests are answered one at a time, in their order."""

    __slots__ = ("_all", "_drained", "_ended", "_last", "_loop", "_parser", "_server", "_transport", "task")

    def __init__(self, server: Server, every: set[_Connection], loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._all = every
        self._loop = loop
        self._parser = Parser(answers=False)
        self._transport: asyncio.Transport
        self._drained: asyncio.Event | None = None
        self._ended = False
        self._last = False
        self.task: asyncio.Task[None] | None = None
        """The answering of a request, while there is one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._all.discard(self)
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._parser.feed(data)
        if self.task is None:
            self._go_on()
        elif self._parser.waiting > MAX_WAITING:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Whether to keep the connection open for an answer that is on its way."""
        if self.task is None:
            self._check_end()
            return False
        self._last = True
        return True

    def pause_writing(self) -> None:
        self._drained = self._drained or asyncio.Event()

    def resume_writing(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    def end_if_idle(self) -> None:
        """Close the connection unless a request is being answered."""
        if self.task is None:
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._transport.close()

    def _check_end(self) -> None:
        try:
            self._parser.end()
        except MessageError as error:
            self._refuse(error)

    def _go_on(self) -> None:
        """Begin with the next request, if it has come."""
        try:
            message = self._parser.take()
            if message is None:
                if self._parser.expects_continue():
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            request = _request(message, self._loop.time())
        except MessageError as error:
            self._refuse(error)
            return
        self.task = self._loop.create_task(self._answer(request, message.head.keeps_alive))

    def _refuse(self, error: MessageError) -> None:
        self._transport.write(_encoded(error_response(error.status, str(error)), keep=False, bodiless=False))
        self._end()

    async def _answer(self, request: Request, keep: bool) -> None:
        try:
            try:
                response = await self._server.handler(request)
            except Exception:  # the outermost loop of a connection: one bad request must not end the process
                self._server.log.exception("%s %s failed", request.method, request.path)
                response = error_response(500, "internal error")
            keep = keep and not self._server.retired
            if self._ended:
                return
            self._transport.write(_encoded(response, keep=keep, bodiless=request.method == "HEAD"))
            if self._drained is not None:
                await self._drained.wait()
        except asyncio.CancelledError:
            keep = False
        finally:
            self.task = None
        if not keep:
            self._end()
        elif not self._ended:
            self._transport.resume_reading()
            if self._parser.began:
                self._go_on()
            if self._last and self.task is None:
                self._end()


def _request(message: Message, now: float) -> Request:
    words = message.head.line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise MessageError(400, "the request line is malformed")
    path, _, query = words[1].partition("?")
    return Request(
        words[0],
        unquote(path) if "%" in path else path,
        dict(parse_qsl(query)) if query else {},
        message.body,
        now,
        message.head.headers,
    )


_REASONS = {status.value: status.phrase for status in HTTPStatus}


def _encoded(response: Response, *, keep: bool, bodiless: bool) -> bytes:
    further = "".join(f"{name}: {value}\r\n" for name, value in response.headers) if response.headers else ""
    head = (
        f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}\r\n"
        f"content-type: {response.content_type}\r\n"
        f"content-length: {len(response.body)}\r\n{further}"
        f"connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode("latin-1") + (b"" if bodiless else response.body)
