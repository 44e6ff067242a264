"""A connection of HTTP/1.1: requests in, one write per answer, in the order of the requests."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol, cast

import httptools

from stack.model_server.answer import refusal
from stack.model_server.exchange import Exchange, Form
from stack.model_server.head import MAX_BODY, MAX_HEAD, Head, too_long
from stack.model_server.protocol import BadRequest

MAX_PIPELINED = 64
"""Requests ahead of their answers on one connection, above which it is not read from."""


class Owner(Protocol):
    """What the connections belong to."""

    form: Form
    clock: float
    """Seconds by a clock that ticks now and then, for deadlines."""

    def now(self) -> float:
        """Seconds by the clock that durations are measured with."""

    def opened(self, connection: Connection) -> None:
        """A connection begins."""

    def closed(self, connection: Connection) -> None:
        """A connection is over."""

    def handle(self, exchange: Exchange, method: bytes, head: Head, body: bytes) -> None:
        """Answer a request, now or later."""

    def failed(self, exchange: Exchange, head: Head, error: BadRequest) -> None:
        """Take note of a request that ended its connection."""


class Connection(asyncio.Protocol):
    """One client's connection; the parser calls the `on_` methods."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.form = owner.form
        """How answers are written at present."""
        self.since = owner.clock
        """When it began to be in the state it is in, by the owner's clock."""
        self.receiving = False
        """Whether a request has begun and is not there yet."""
        self.blocked = False
        """Whether the client does not take its answers."""
        self.lingering = False
        """Whether all is said, and what the client still sends is thrown away."""
        self._exchanges: deque[Exchange] = deque()
        self._exchange: Exchange | None = None
        self._deaf = False
        self._paused = False
        self._in_head = False
        self._head_bytes = 0
        self._head = Head()
        self._body = b""
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way on it."""
        return not (self._exchanges or self.receiving or self.lingering)

    @property
    def paused(self) -> bool:
        """Whether it is not read from."""
        return self._paused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._owner.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf = True
        self._owner.closed(self)
        self._exchanges.clear()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parser = httptools.HttpRequestParser(self)
            if rest := data[upgrade.args[0] :]:
                self.data_received(rest)
        except httptools.HttpParserError as error:
            if not self._deaf:
                cause = error.__context__
                told = cause if isinstance(cause, BadRequest) else BadRequest(400, f"not HTTP/1.1: {error}")
                self.fail(told)
        else:
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > MAX_HEAD:
                    self.fail(BadRequest(431, f"the headers are longer than {MAX_HEAD} bytes"))
            if len(self._exchanges) > MAX_PIPELINED:
                self._pause()

    def eof_received(self) -> bool:
        if self.receiving and not self._deaf:
            self.fail(BadRequest(400, "the connection closed within a request"))
            self._close()
            return False
        if self.lingering or not self._exchanges:
            return False
        self._deaf = True
        self._exchanges[-1].last = True
        return True

    def pause_writing(self) -> None:
        self.blocked = True
        self.since = self._owner.clock
        self._pause()

    def resume_writing(self) -> None:
        self.blocked = False
        self._resume()

    def on_message_begin(self) -> None:
        self.receiving = self._in_head = True
        self.since = self._owner.clock
        self._head = Head()
        self._head_bytes = 0
        self._body = b""

    def on_url(self, part: bytes) -> None:
        self._head.add_target(part)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._head.add_header(name, value)

    def on_headers_complete(self) -> None:
        head, parser = self._head, self._parser
        self._in_head = False
        method, old = parser.get_method(), parser.get_http_version() == "1.0"
        keep = head.keep if old else not head.close
        self._exchange = Exchange(self, self._owner.now(), keep=keep, old=old, bodiless=method == b"HEAD")
        head.check(method, old)
        if head.continues:
            self._invite()

    def on_body(self, part: bytes) -> None:
        if not self._body:
            self._body = part
            return
        self._parts.append(part)
        if len(self._body) + sum(map(len, self._parts)) > MAX_BODY:
            raise too_long()

    def on_message_complete(self) -> None:
        body, exchange = self._body, self._exchange
        if self._parts:
            body += b"".join(self._parts)
            self._parts = []
        assert exchange is not None
        self._exchange = None
        self.receiving = False
        self._exchanges.append(exchange)
        if exchange.last:
            self._deaf = True
        self._owner.handle(exchange, self._parser.get_method(), self._head, body)

    def flush(self) -> None:
        """Write the answers that are complete and whose turn it is."""
        waiting = self._exchanges
        while waiting and waiting[0].payload is not None:
            exchange = waiting.popleft()
            self._transport.write(exchange.payload or b"")
            if exchange.last:
                self._end(lingers=exchange.lingers)
                return
        if not waiting:
            self.since = self._owner.clock
            if self._head.continues and self.receiving:
                self._invite()
        if self._paused and not self.blocked and len(waiting) <= MAX_PIPELINED // 2:
            self._resume()

    def fail(self, error: BadRequest) -> None:
        """Answer what came of a request by an error and read no further."""
        self._deaf = True
        self.receiving = self._in_head = False
        exchange = self._exchange or Exchange(self, self._owner.now(), keep=False)
        self._exchange = None
        self._body, self._parts = b"", []
        self._exchanges.append(exchange)
        exchange.fail(error.status, refusal(str(error)))
        self._owner.failed(exchange, self._head, error)

    def retire(self) -> None:
        """End it now if nothing is under way, else after its answer."""
        if self.idle:
            self._end(lingers=True)

    def abort(self) -> None:
        """End it at once, whatever is under way."""
        self._deaf = True
        self._transport.abort()

    def _invite(self) -> None:
        """Ask for the body, unless an earlier answer has to go first or the body is coming already."""
        if not self._exchanges and not self._body:
            self._head.continues = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _end(self, *, lingers: bool) -> None:
        self._deaf = True
        self._exchanges.clear()
        if lingers and not self._transport.is_closing():
            self.lingering = True
            self.since = self._owner.clock
            self._transport.write_eof()
            self._resume()
        else:
            self._close()

    def _close(self) -> None:
        self._transport.close()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self.since = self._owner.clock
            self._transport.resume_reading()
