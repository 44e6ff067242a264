"""The head of a request: its target and headers, what they mean for the message, and the limits on them."""

from __future__ import annotations

from stack.model_server.exchange import Header
from stack.model_server.protocol import BadRequest

MAX_TARGET = 4 * 1024
"""Longest target, in bytes."""
MAX_HEAD = 16 * 1024
"""Most bytes of target and headers; also of what comes before a whole header has."""
MAX_BODY = 2 * 1024 * 1024
"""Longest body that is read."""

_MEANING = frozenset(
    (b"host", b"connection", b"content-length", b"transfer-encoding", b"expect", b"content-encoding")
) | {b"inference-header-content-length"}


class Head:
    """What is known of one request before its body; header names in lower case."""

    __slots__ = (
        "_size", "close", "continues", "headers", "host", "json_length", "keep", "length", "sized", "target",
    )  # fmt: skip

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[Header] = []
        self.host = False
        self.sized = False
        """Whether the length of the body is given, or that it comes in chunks."""
        self.length = 0
        """Bytes of the body; 0 when it comes in chunks."""
        self.close = False
        self.keep = False
        """Whether an HTTP/1.0 client asks for another turn."""
        self.continues = False
        """Whether the client waits for a word before it sends the body."""
        self.json_length: int | None = None
        self._size = 0

    def add_target(self, part: bytes) -> None:
        """Take a part of the target; raises BadRequest."""
        self.target += part
        if len(self.target) > MAX_TARGET:
            raise BadRequest(414, f"the target is longer than {MAX_TARGET} bytes")

    def add_header(self, name: bytes, value: bytes) -> None:
        """Take a header; raises BadRequest."""
        self._size += len(name) + len(value) + 4
        if self._size > MAX_HEAD:
            raise BadRequest(431, f"the headers are longer than {MAX_HEAD} bytes")
        lower = name.lower()
        self.headers.append((lower, value))
        if lower in _MEANING:
            self._heed(lower, value.strip())

    def check(self, method: bytes, old: bool) -> None:
        """See that the whole head is one that is taken, of HTTP/1.0 when `old`; raises BadRequest."""
        if not self.host and not old:
            raise BadRequest(400, "an HTTP/1.1 request has a header host")
        if method == b"POST" and not self.sized:
            raise BadRequest(411, "a header content-length, or chunks, must say how long the body is")
        if self.length > MAX_BODY:
            raise too_long()

    def _heed(self, name: bytes, value: bytes) -> None:
        match name:
            case b"host":
                if self.host:
                    raise BadRequest(400, "header host appears twice")
                self.host = True
            case b"connection":
                options = {option.strip() for option in value.lower().split(b",")}
                self.close = self.close or b"close" in options
                self.keep = b"keep-alive" in options
            case b"content-length":
                self.sized = True
                self.length = int(value) if value.isdigit() and len(value) < 20 else 0
            case b"transfer-encoding":
                self.sized = True
            case b"expect":
                if value.lower() != b"100-continue":
                    raise BadRequest(417, "the only expectation that is met is 100-continue")
                self.continues = True
            case b"content-encoding":
                if value.lower() not in (b"", b"identity"):
                    raise BadRequest(415, "the body must come as it is, without content-encoding")
            case _:
                if not value.isdigit() or len(value) > 9:
                    raise BadRequest(400, "inference-header-content-length: expected a number of bytes")
                self.json_length = int(value)


def too_long() -> BadRequest:
    """The refusal of a body beyond the limit."""
    return BadRequest(413, f"the body is longer than {MAX_BODY} bytes; send fewer rows at once")
