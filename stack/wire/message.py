"""HTTP/1.1 messages on asyncio streams: heads, bodies by length or in chunks, and their limits (RFC 9112)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

MAX_HEAD = 16 * 1024
"""Most bytes of a request or status line with its headers; also the stream limit that readers are opened with."""

MAX_BODY = 4 * 1024 * 1024
"""Most bytes of a body that is read as one piece."""


class MessageError(Exception):
    """The other side sent something that is not a message we take; `status` is the answer it deserves."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


HEADS_REMEMBERED = 256
"""Heads that are kept parsed; at most four megabytes."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first line of a message and its headers, names in lower case."""

    line: str
    headers: Mapping[str, str]

    @property
    def keeps_alive(self) -> bool:
        """Whether the sender means to use the connection again."""
        option = self.headers.get("connection", "")
        old = self.line.endswith("HTTP/1.0") or self.line.startswith("HTTP/1.0")
        return option.lower() == "keep-alive" if old else not option or option.lower() != "close"

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.headers.get("transfer-encoding", "").lower() == "chunked"


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """
    The next head, or None when the other side closed without starting one.

    Raises:
        MessageError: it is malformed, too long, or breaks off.
    """
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise MessageError(400, "the connection closed within a head") from error
    except asyncio.LimitOverrunError as error:
        raise MessageError(431, f"a head is longer than {MAX_HEAD} bytes") from error
    return parse_head(raw[:-4])


@lru_cache(maxsize=HEADS_REMEMBERED)
def parse_head(raw: bytes) -> Head:
    """
    The head in `raw`, the bytes before the empty line; the newest are remembered, because heads repeat.

    Raises:
        MessageError: it is malformed.
    """
    line, *rest = raw.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for item in rest:
        name, colon, value = item.partition(":")
        key = name.lower()
        if not colon or not name or name != name.strip():
            raise MessageError(400, "a header is malformed")
        if key in headers and key in {"content-length", "transfer-encoding", "host"}:
            raise MessageError(400, f"header {key} appears twice")
        headers[key] = value.strip()
    if "transfer-encoding" in headers and "content-length" in headers:
        raise MessageError(400, "a message has both a length and a transfer encoding")
    return Head(line, MappingProxyType(headers))


async def read_body(reader: asyncio.StreamReader, head: Head, *, until_close: bool = False) -> bytes:
    """
    The whole body that `head` announces; `until_close` reads to the end where no length is given, as answers may.

    Raises:
        MessageError: it is malformed, longer than `MAX_BODY`, or breaks off.
    """
    if "transfer-encoding" in head.headers:
        if not head.chunked:
            raise MessageError(501, "the only transfer encoding understood is chunked")
        parts: list[bytes] = []
        async for chunk in chunks(reader):
            parts.append(chunk)
            if sum(map(len, parts)) > MAX_BODY:
                raise MessageError(413, f"a body is longer than {MAX_BODY} bytes")
        return b"".join(parts)
    text = head.headers.get("content-length")
    if text is None:
        return await _read_rest(reader) if until_close else b""
    if not (text.isascii() and text.isdigit()):
        raise MessageError(400, "content-length is not a number")
    length = int(text)
    if length > MAX_BODY:
        raise MessageError(413, f"a body is longer than {MAX_BODY} bytes")
    try:
        return await reader.readexactly(length) if length else b""
    except asyncio.IncompleteReadError as error:
        raise MessageError(400, "the connection closed within a body") from error


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """
    The chunks of a body as they come, without trailers.

    Raises:
        MessageError: it is malformed or breaks off.
    """
    try:
        while True:
            size_line = await reader.readuntil(b"\r\n")
            try:
                size = int(size_line.split(b";", 1)[0].strip(), 16)
            except ValueError as error:
                raise MessageError(400, "a chunk has no size") from error
            if not 0 <= size <= MAX_BODY:
                raise MessageError(413, f"a chunk is longer than {MAX_BODY} bytes")
            if size == 0:
                while await reader.readuntil(b"\r\n") != b"\r\n":
                    pass
                return
            data = await reader.readexactly(size + 2)
            yield data[:-2]
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise MessageError(400, "the connection closed within a chunk") from error


async def _read_rest(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := await reader.read(65536):
        parts.append(part)
        size += len(part)
        if size > MAX_BODY:
            raise MessageError(413, f"a body is longer than {MAX_BODY} bytes")
    return b"".join(parts)
