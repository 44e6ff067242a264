"""HTTP/1.1 messages cut out of a stream of bytes as they come, without waiting for any (RFC 9112)."""

from __future__ import annotations

from enum import Enum, auto

import msgspec

from stack.wire.message import MAX_BODY, MAX_HEAD, Head, MessageError, parse_head

_EMPTY_LINE = b"\r\n\r\n"
_MOST_LINE = 1024
"""Longest line of a chunk's size or of a trailer."""


class Message(msgspec.Struct, frozen=True):
    """A head and its whole body."""

    head: Head
    body: bytes
    framed: bool
    """Whether the end of the body was announced; where not, it ended with the connection."""


class _Framing(Enum):
    """How the end of the body that is being read will be known."""

    LENGTH = auto()
    CHUNKS = auto()
    CLOSE = auto()


class Parser:
    """
    Cuts one direction of one connection into messages.

    `answers` reads a body without a length to the end of the connection, as answers may have it. Bytes after a message
    wait for the next `take`; whoever feeds decides how many may wait (`waiting`).
    """

    __slots__ = ("_answers", "_buffer", "_chunks", "_expects", "_framing", "_head", "_length", "bodiless")

    def __init__(self, *, answers: bool) -> None:
        self._answers = answers
        self._buffer = b""
        self._head: Head | None = None
        self._framing = _Framing.LENGTH
        self._length = 0
        self._chunks: list[bytes] = []
        self._expects = False
        self.bodiless = False
        """Whether the next answer is one to HEAD, which has no body whatever its head says."""

    @property
    def waiting(self) -> int:
        """Bytes that were fed and not yet taken."""
        return len(self._buffer) + self._length * (self._framing is _Framing.CHUNKS)

    @property
    def began(self) -> bool:
        """Whether there is a message of which only a part has come."""
        return self._head is not None or bool(self._buffer)

    def expects_continue(self) -> bool:
        """Whether the sender of the message that has begun waits to be told to go on; said once for each message."""
        expects, self._expects = self._expects, False
        return expects

    def feed(self, data: bytes) -> None:
        """Take more bytes of the stream."""
        self._buffer = self._buffer + data if self._buffer else data

    def take(self) -> Message | None:
        """
        The next whole message, or None until more has come.

        Raises:
            MessageError: what came is malformed or too long; the connection is of no more use.
        """
        head = self._head
        if head is None:
            head = self._take_head()
            if head is None:
                return None
        match self._framing:
            case _Framing.LENGTH:
                if len(self._buffer) < self._length:
                    return None
                body, self._buffer = self._buffer[: self._length], self._buffer[self._length :]
            case _Framing.CHUNKS:
                if not self._take_chunks():
                    return None
                body = b"".join(self._chunks)
                self._chunks = []
            case _Framing.CLOSE:
                if len(self._buffer) > MAX_BODY:
                    raise MessageError(413, f"a body is longer than {MAX_BODY} bytes")
                return None
        self._head, self._length = None, 0
        return Message(head, body, True)

    def end(self) -> Message | None:
        """
        The message that ends with the connection, or None when there is none.

        Raises:
            MessageError: the connection ended within a message.
        """
        if self._head is not None and self._framing is _Framing.CLOSE:
            message = Message(self._head, self._buffer, False)
            self._head, self._buffer = None, b""
            return message
        if self._head is not None or self._buffer:
            raise MessageError(400, f"the connection closed within a {'body' if self._head else 'head'}")
        return None

    def _take_head(self) -> Head | None:
        end = self._buffer.find(_EMPTY_LINE)
        if end > MAX_HEAD or (end < 0 and len(self._buffer) > MAX_HEAD):
            raise MessageError(431, f"a head is longer than {MAX_HEAD} bytes")
        if end < 0:
            return None
        head = parse_head(self._buffer[:end])
        self._buffer = self._buffer[end + 4 :]
        self._frame(head)
        self._expects = "expect" in head.headers and head.headers["expect"].lower() == "100-continue"
        self._head = head
        return head

    def _frame(self, head: Head) -> None:
        """Decide how the body of `head` ends."""
        text = head.headers.get("content-length")
        self._framing, self._length = _Framing.LENGTH, 0
        if self._answers and (self.bodiless or head.line[9:12] in ("204", "304")):
            return
        if "transfer-encoding" in head.headers:
            if not head.chunked:
                raise MessageError(501, "the only transfer encoding understood is chunked")
            self._framing = _Framing.CHUNKS
        elif text is not None:
            if not (text.isascii() and text.isdigit()):
                raise MessageError(400, "content-length is not a number")
            self._length = int(text[:12])
            if self._length > MAX_BODY:
                raise MessageError(413, f"a body is longer than {MAX_BODY} bytes")
        elif self._answers:
            self._framing = _Framing.CLOSE

    def _take_chunks(self) -> bool:
        """Move whole chunks out of the buffer; whether the last one and the trailers after it have come."""
        buffer, at = self._buffer, 0
        try:
            while True:
                end = buffer.find(b"\r\n", at, at + _MOST_LINE)
                if end < 0:
                    if len(buffer) - at > _MOST_LINE:
                        raise MessageError(400, "a chunk has no size")
                    return False
                size = _chunk_size(buffer[at:end])
                if size == 0:
                    after = _after_trailers(buffer, end)
                    at = after or at
                    return after is not None
                begin, stop = end + 2, end + 2 + size
                if len(buffer) < stop + 2:
                    return False
                if buffer[stop : stop + 2] != b"\r\n":
                    raise MessageError(400, "a chunk is longer than its size says")
                self._chunks.append(buffer[begin:stop])
                at = stop + 2
                self._length += size
                if self._length > MAX_BODY:
                    raise MessageError(413, f"a body is longer than {MAX_BODY} bytes")
        finally:
            self._buffer = buffer[at:]


def _after_trailers(buffer: bytes, last: int) -> int | None:
    """Where the message ends whose last chunk's line ends at `last`; None until its trailers have come."""
    end = buffer.find(_EMPTY_LINE, last)
    if end >= 0:
        return end + 4
    if len(buffer) - last > MAX_HEAD:
        raise MessageError(431, f"trailers are longer than {MAX_HEAD} bytes")
    return None


def _chunk_size(line: bytes) -> int:
    text = line.split(b";", 1)[0].strip()
    if not text or len(text) > 8 or not set(text) <= _HEX_DIGITS:
        raise MessageError(400, "a chunk has no size")
    size = int(text, 16)
    if size > MAX_BODY:
        raise MessageError(413, f"a chunk is longer than {MAX_BODY} bytes")
    return size


_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")
