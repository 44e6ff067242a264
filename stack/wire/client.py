"""Keep-alive HTTP/1.1 connections to one address."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from stack.wire.message import MessageError
from stack.wire.parser import Message, Parser

PLAIN = "content-type: application/json\r\n"
"""The header line of a request that asks for nothing special."""

MAX_IDLE = 64
"""Most connections that a pool keeps for later."""


class Answer(msgspec.Struct, frozen=True):
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(ConnectionError):
    """Not a byte of an answer came: the connection was refused, or closed first; asking again does no harm twice."""


class BrokenAnswer(ConnectionError):
    """An answer began and broke off, or was no HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """
        From `host:port` or `http://host:port`, IPv6 hosts in brackets.

        Raises:
            ValueError: there is no port in it.
        """
        host, _, port = text.removeprefix("http://").rstrip("/").rpartition(":")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Link(asyncio.Protocol):
    """One open connection, with at most one request on it."""

    __slots__ = ("_answer", "_loop", "_lost", "_parser", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = Parser(answers=True)
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Message] | None = None
        self._lost = False

    @property
    def usable(self) -> bool:
        """Whether another request may go this way."""
        return not self._lost and not self._parser.began

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        waiting = self._answer
        if waiting is None or waiting.done():
            return
        try:
            message = self._parser.take()
        except MessageError as error:
            self._fail(BrokenAnswer(str(error)))
            return
        if message is not None:
            waiting.set_result(message)

    def eof_received(self) -> None:
        self._gone(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone(exc)

    def send(self, data: bytes, *, bodiless: bool) -> asyncio.Future[Message]:
        """Write a request; what comes back, or NoAnswer or BrokenAnswer."""
        self._parser.bodiless = bodiless
        self._answer = self._loop.create_future()
        self._transport.write(data)
        return self._answer

    def close(self) -> None:
        """Close at once, whatever is on its way."""
        self._lost = True
        self._answer = None
        self._transport.abort()

    def _gone(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        began = self._parser.began
        try:
            message = self._parser.end()
        except MessageError as broken:
            self._fail(BrokenAnswer(str(broken)))
            return
        if message is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(message)
        elif not began:
            self._fail(NoAnswer(str(error) if error else "closed without an answer"))

    def _fail(self, error: NoAnswer | BrokenAnswer) -> None:
        self._lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class Pool:
    """
    Connections to one address, one per request in flight, used again last-in first-out.

    Requests in flight are not limited: whoever calls decides how many there are. A cancelled one closes its connection.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._host = str(address)
        self._idle: list[_Link] = []
        self._closed = False

    async def request(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        headers: str = PLAIN,
        fresh: bool = False,
    ) -> Answer:
        """
        Send one request and read its whole answer; `fresh` does not reuse an idle connection.

        `headers` are the header lines beside host and length, each with its line break.

        Raises:
            NoAnswer: nothing was answered; the request may be sent again, if it is harmless twice.
            BrokenAnswer: the answer broke off.
        """
        link = (None if fresh else self._take()) or await self._open()
        kept = False
        try:
            head = f"{method} {target} HTTP/1.1\r\nhost: {self._host}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
            message = await link.send(head.encode("latin-1") + body, bodiless=method == "HEAD")
            answer = _read(message)
            kept = message.framed and message.head.keeps_alive and link.usable
            return answer
        finally:
            if kept and not self._closed and len(self._idle) < MAX_IDLE:
                self._idle.append(link)
            else:
                link.close()

    async def ask(self, method: str, target: str, body: bytes = b"", *, headers: str = PLAIN) -> Answer:
        """`request`, sent once more on a new connection when an idle one turns out closed by the other side."""
        reused = self._take_ready()
        try:
            return await self.request(method, target, body, headers=headers)
        except NoAnswer:
            if not reused:
                raise
            return await self.request(method, target, body, headers=headers, fresh=True)

    def close(self) -> None:
        """Close idle connections now and busy ones after their answer."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take_ready(self) -> bool:
        """Whether the next request will find an idle connection; drops those that are closed already."""
        while self._idle and not self._idle[-1].usable:
            self._idle.pop().close()
        return bool(self._idle)

    def _take(self) -> _Link | None:
        return self._idle.pop() if self._take_ready() else None

    async def _open(self) -> _Link:
        loop = asyncio.get_running_loop()
        try:
            _, link = await loop.create_connection(lambda: _Link(loop), self.address.host, self.address.port)
        except OSError as error:
            raise NoAnswer(f"{self.address}: {error}") from error
        return link


def _read(message: Message) -> Answer:
    words = message.head.line.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
        raise BrokenAnswer("not an HTTP/1.1 answer")
    return Answer(int(words[1]), message.head.headers, message.body)
