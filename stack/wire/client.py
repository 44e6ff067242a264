"""Keep-alive HTTP/1.1 connections to one address."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from stack.wire.message import MAX_HEAD, MessageError, read_body, read_head

PLAIN = "content-type: application/json\r\n"
"""The header line of a request that asks for nothing special."""

MAX_IDLE = 64
"""Most connections that a pool keeps for later."""


@dataclass(frozen=True, slots=True)
class Answer:
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


class _Link:
    """One open connection."""

    __slots__ = ("reader", "writer")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @property
    def usable(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()


class Pool:
    """
    Connections to one address, one per request in flight, used again last-in first-out.

    Requests in flight are not limited: whoever calls decides how many there are. A cancelled one closes its connection.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._idle: list[_Link] = []
        self._closed = False

    async def request(
        self, method: str, target: str, body: bytes = b"", *, headers: str = PLAIN, fresh: bool = False
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
            answer, kept = await self._exchange(link, method, target, body, headers)
            return answer
        finally:
            if kept and not self._closed and len(self._idle) < MAX_IDLE:
                self._idle.append(link)
            else:
                link.writer.close()

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
            self._idle.pop().writer.close()

    def _take_ready(self) -> bool:
        """Whether the next request will find an idle connection; drops those that are closed already."""
        while self._idle and not self._idle[-1].usable:
            self._idle.pop().writer.close()
        return bool(self._idle)

    def _take(self) -> _Link | None:
        return self._idle.pop() if self._take_ready() else None

    async def _open(self) -> _Link:
        try:
            reader, writer = await asyncio.open_connection(self.address.host, self.address.port, limit=MAX_HEAD)
        except OSError as error:
            raise NoAnswer(f"{self.address}: {error}") from error
        return _Link(reader, writer)

    async def _exchange(self, link: _Link, method: str, target: str, body: bytes, headers: str) -> tuple[Answer, bool]:
        head = f"{method} {target} HTTP/1.1\r\nhost: {self.address}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
        try:
            link.writer.write(head.encode("latin-1") + body)
            await link.writer.drain()
            answer = await read_head(link.reader)
        except ConnectionError as error:
            raise NoAnswer(f"{self.address}: {error}") from error
        except MessageError as error:
            raise BrokenAnswer(f"{self.address}: {error}") from error
        if answer is None:
            raise NoAnswer(f"{self.address}: closed without an answer")
        words = answer.line.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
            raise BrokenAnswer(f"{self.address}: not an HTTP/1.1 answer")
        status = int(words[1])
        try:
            bodiless = method == "HEAD" or status in {204, 304}
            content = b"" if bodiless else await read_body(link.reader, answer, until_close=True)
        except (ConnectionError, MessageError) as error:
            raise BrokenAnswer(f"{self.address}: {error}") from error
        ends = not bodiless and "content-length" not in answer.headers and not answer.chunked
        return Answer(status, answer.headers, content), answer.keeps_alive and not ends
