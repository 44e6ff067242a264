"""One HTTP request and its answer, over ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec

from lab.cluster.embedded.status import StatusError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
HeaderList = Sequence[tuple[bytes, bytes]]

BODY_LIMIT = 3 * 1024 * 1024
"""Bytes of one request body, as in Kubernetes."""

_encoder = msgspec.json.Encoder()


def encode(document: Any) -> bytes:
    """JSON without blanks."""
    encoded: bytes = _encoder.encode(document)
    return encoded


class Exchange:
    """A request that is answered once, whole or as a stream."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_path: str = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        self.raw_query: str = scope.get("query_string", b"").decode("latin-1")
        self._query: dict[str, list[str]] = parse_qs(self.raw_query, keep_blank_values=True)
        self.header_list: HeaderList = tuple(scope["headers"])
        self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.header_list}
        self._receive = receive
        self._send = send
        self.warnings: list[str] = []
        """Sentences that the client shows as warnings beside the answer."""
        self.started = False

    def header(self, name: str) -> str:
        """A header by its lower-case name, or an empty string."""
        return self._headers.get(name, "")

    def query(self, name: str) -> str:
        """The last value of a query parameter, or an empty string."""
        return self._query.get(name, [""])[-1]

    def flag(self, name: str) -> bool:
        """Whether a query parameter says true."""
        return self.query(name).lower() in ("true", "1")

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            StatusError: 413, it is too large.
        """
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return b""
            part = message.get("body", b"")
            size += len(part)
            if size > BODY_LIMIT:
                raise StatusError(413, "RequestEntityTooLarge", f"limit is {BODY_LIMIT}")
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)

    async def json(self, code: int, document: Any, content_type: str = "application/json") -> None:
        """Answer with a JSON document."""
        await self.answer(code, encode(document), content_type)

    async def answer(self, code: int, body: bytes, content_type: str, headers: HeaderList = ()) -> None:
        """Answer with a whole body."""
        listed = [(b"content-length", str(len(body)).encode()), *headers]
        await self.start(code, content_type, listed)
        await self._send({"type": "http.response.body", "body": body})

    async def start(self, code: int, content_type: str, headers: HeaderList = ()) -> None:
        """Begin an answer; `write` and `finish` follow."""
        self.started = True
        listed = [(b"content-type", content_type.encode()), (b"cache-control", b"no-cache, private"), *headers]
        listed += [(b"warning", f'299 - "{_quoted(text)}"'.encode()) for text in self.warnings]
        await self._send({"type": "http.response.start", "status": code, "headers": listed})

    async def write(self, part: bytes) -> None:
        """Send one part of a streamed answer."""
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def finish(self) -> None:
        """End a streamed answer."""
        await self._send({"type": "http.response.body", "body": b""})

    async def disconnected(self) -> None:
        """Return when the client has gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


async def until_disconnected(exchange: Exchange, work: Awaitable[None]) -> None:
    """Run `work` until it ends or the client goes, whichever is first."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(exchange.disconnected())
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)
