"""Serves a service on a listening socket: scoring requests at once, all others by the application."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp

from stack.model_server.answer import refusal
from stack.model_server.bridge import call
from stack.model_server.connection import Connection
from stack.model_server.exchange import Exchange, Form
from stack.model_server.head import Head
from stack.model_server.protocol import BadRequest
from stack.model_server.service import Service

TICK_SECONDS = 0.25
"""How often deadlines are looked at, and the date of answers is set."""

_SCORING = re.compile(rb"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a client may take, in seconds."""

    request: float = 10.0
    """From the first byte of a request to its last; also for taking an answer."""
    idle: float = 75.0
    """Between requests; longer than clients keep their connections."""
    linger: float = 2.0
    """For reading a last answer while still sending."""


class Server:
    """
    Serves until closed.

    The end has two steps, so that no client meets a refusal while the news still spreads: `retire` ends each connection
    after its answer and still takes new ones; `close` stops listening and waits for what is in flight.
    """

    def __init__(
        self,
        service: Service,
        application: ASGIApp,
        log: logging.Logger,
        time_of_day: Callable[[], float],
        deadlines: Deadlines = Deadlines(),
    ) -> None:
        self.form = Form(time_of_day())
        self.clock = 0.0
        self.now = service.now
        self._service = service
        self._application = application
        self._log = log
        self._time_of_day = time_of_day
        self._deadlines = deadlines
        self._connections: set[Connection] = set()
        self._calls: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    async def start(self, listener: socket.socket) -> None:
        """Serve the connections of a listening socket, which is closed in the end."""
        loop = asyncio.get_running_loop()
        self._tick()
        self._listener = await loop.create_server(lambda: Connection(self), sock=listener)

    def retire(self) -> None:
        """From now on each connection ends after its answer."""
        self.form.retiring = True

    async def close(self, grace_seconds: float) -> None:
        """Stop listening, wait up to `grace_seconds` for what is in flight, and cut what is left then."""
        self.retire()
        await asyncio.sleep(0)
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self._connections):
            connection.retire()
        if self._connections:
            self._empty.clear()
            waiting = asyncio.ensure_future(self._empty.wait())
            await asyncio.wait({waiting}, timeout=grace_seconds)
            waiting.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        if self._ticking is not None:
            self._ticking.cancel()
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def handle(self, exchange: Exchange, method: bytes, head: Head, body: bytes) -> None:
        """Answer a request: the short way for scoring, else by the application."""
        served = self._service.find(head.target)
        if served is not None and method == b"POST":
            self._service.score(served, body, head.json_length, exchange)
            return
        path = _path(head.target)
        asked = _SCORING.fullmatch(path)
        if asked is None:
            task = asyncio.get_running_loop().create_task(self._call(exchange, method, head, body))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
            return
        served = self._service.find(path)
        if method != b"POST":
            told = BadRequest(405, f"scores are asked for by POST, not by {method.decode()}")
            self._service.refuse(exchange, told)
        elif served is None:
            model, version = asked.groups(default=b"")
            self._service.refuse(exchange, self._service.absent(_text(model), _text(version)))
        else:
            self._service.score(served, body, head.json_length, exchange)

    def failed(self, exchange: Exchange, head: Head, error: BadRequest) -> None:
        """Measure a scoring request that could not be taken."""
        if _SCORING.fullmatch(_path(head.target)):
            self._service.measure(error.status, exchange.started)

    async def _call(self, exchange: Exchange, method: bytes, head: Head, body: bytes) -> None:
        try:
            reply = await call(self._application, method, head, body)
        except Exception:  # the outermost frame of a request: a bad one must not take others with it
            self._log.exception("%s %s failed", method.decode(), _text(head.target))
            exchange.answer(500, refusal("internal error"))
        else:
            exchange.answer_with(reply.status, reply.headers, reply.body)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self.clock = loop.time()
        self.form.set(self._time_of_day())
        for connection in tuple(self._connections):
            self._look_at(connection, self.clock - connection.since)
        self._ticking = loop.call_later(TICK_SECONDS, self._tick)

    def _look_at(self, connection: Connection, seconds: float) -> None:
        limits = self._deadlines
        if connection.blocked:
            if seconds > limits.request:
                connection.abort()
        elif connection.lingering:
            if seconds > limits.linger:
                connection.abort()
        elif connection.receiving:
            if seconds > limits.request and not connection.paused:
                connection.fail(BadRequest(408, f"the request was not there after {limits.request:g} seconds"))
        elif connection.idle and seconds > limits.idle:
            connection.retire()


def _path(target: bytes) -> bytes:
    """The path of a target in origin or absolute form, decoded."""
    path = target.partition(b"?")[0]
    if path.startswith(b"http://"):
        path = b"/" + path[7:].partition(b"/")[2]
    return unquote_to_bytes(path) if b"%" in path else path


def _text(data: bytes) -> str:
    return data[:100].decode("utf-8", "backslashreplace")
