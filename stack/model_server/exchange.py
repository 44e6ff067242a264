"""One request on a connection and the bytes of its answer."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_JSON = b"content-type: application/json\r\n"
_EXTRA = {405: b"allow: POST\r\n", 503: b"retry-after: 1\r\n"}
"""Headers that belong to a status: what would be allowed, and when to try again in seconds."""

Header = tuple[bytes, bytes]


class Form:
    """The part of answers that changes with time: the date, a head with it for the commonest answer, the near end."""

    __slots__ = ("_date", "ok", "retiring")

    def __init__(self, at: float) -> None:
        self.retiring = False
        """Whether connections end after their answer."""
        self.set(at)

    def set(self, at: float) -> None:
        """Write answers with the time `at`, in seconds since 1970."""
        self._date = b"date: %b\r\n" % formatdate(at, usegmt=True).encode()
        self.ok = self.head(200, _JSON)

    def head(self, status: int, headers: bytes) -> bytes:
        """Status line and headers up to the length's value."""
        return b"HTTP/1.1 %d %b\r\n%b%bcontent-length: " % (status, _REASONS.get(status, b""), headers, self._date)


class Line(Protocol):
    """The connection an answer goes out on."""

    form: Form

    def flush(self) -> None:
        """Write what is complete, in the order of the requests."""


class Exchange:
    """A request that has arrived, as far as its answer needs to know it."""

    __slots__ = ("_bodiless", "_keep", "_line", "_old", "last", "lingers", "payload", "started")

    def __init__(self, line: Line, started: float, *, keep: bool = True, old: bool = False, bodiless: bool = False):
        self.started = started
        self.payload: bytes | None = None
        """The whole answer, once there is one."""
        self.last = not keep
        """Whether the connection ends after it."""
        self.lingers = False
        """Whether the client may still be sending, so that the end has to wait for it to read the answer."""
        self._line = line
        self._old = old
        self._bodiless = bodiless

    def answer(self, status: int, body: bytes, json_length: int | None = None) -> None:
        """Answer a scoring request; with a binary tensor, `json_length` says where its JSON ends."""
        line = self._line
        if status == 200 and json_length is None and not (self.last or self._old or line.form.retiring):
            self.payload = b"%b%d\r\n\r\n%b" % (line.form.ok, len(body), body)
            line.flush()
            return
        headers = _JSON
        if json_length is not None:
            sizes = b"inference-header-content-length: %d\r\n" % json_length
            headers = b"content-type: application/octet-stream\r\n" + sizes
        self._write(status, headers + _EXTRA.get(status, b""), body)

    def answer_with(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """Answer with the headers of an application."""
        kept = (b"%b: %b\r\n" % header for header in headers if header[0] not in (b"content-length", b"connection"))
        self._write(status, b"".join(kept), body)

    def fail(self, status: int, body: bytes) -> None:
        """Answer what is no request, or none that is taken, and end the connection."""
        self.last = self.lingers = True
        self._write(status, _JSON + _EXTRA.get(status, b""), body)

    def _write(self, status: int, headers: bytes, body: bytes) -> None:
        line = self._line
        if line.form.retiring and not self.last:
            self.last = self.lingers = True
        if self.last:
            headers += b"connection: close\r\n"
        elif self._old:
            headers += b"connection: keep-alive\r\n"
        content = b"" if self._bodiless else body
        self.payload = b"%b%d\r\n\r\n%b" % (line.form.head(status, headers), len(body), content)
        line.flush()
