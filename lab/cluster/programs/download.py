"""Downloading one file with a known checksum: bounded waiting, resumption, and nothing left that cannot be trusted."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from lab.cluster.programs.sources import Limits, SourceFailed

Say = Callable[[str], None]
_CHUNK = 1 << 18
_MEGABYTE = 1_000_000
_STEP_PERCENT = 10


class _BrokenOff(Exception):
    """The connection ended before the file did; what has arrived so far can be built upon."""


def download(url: str, target: Path, *, sha256: str, what: str, say: Say, limits: Limits) -> None:
    """
    Put the file behind an http or https address at `target`, once its SHA-256 is the expected one.

    A download that breaks off leaves `target` with `.partial` appended, which the next attempt or call goes on from.
    Proxies are those that the platform and the environment name.

    Raises:
        SourceFailed: not reachable, refused, broken off too often, too slow, or not what the checksum says.
    """
    partial = target.with_name(target.name + ".partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    opener = _opener(limits)
    ends = time.monotonic() + limits.total
    for attempt in range(1, limits.attempts + 1):
        try:
            _fetch(opener, url, partial, what, say, ends, limits)
            break
        except _BrokenOff as broken:
            if attempt == limits.attempts:
                raise SourceFailed(f"the download from {url} broke off {attempt} times: {broken}") from broken
            say(f"{what}: {broken}; going on from there")
    with partial.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        partial.unlink()
        raise SourceFailed(f"{url} has the checksum {found} and not the known {sha256}; the file was deleted")
    partial.replace(target)


def _fetch(
    opener: urllib.request.OpenerDirector, url: str, partial: Path, what: str, say: Say, ends: float, limits: Limits
) -> None:
    """One connection's worth of the download, appended to what is there already."""
    begin = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={begin}-"} if begin else {})  # noqa: S310 (_opener knows http and https alone)
    try:
        response = opener.open(request, timeout=limits.connect)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink(missing_ok=True)
            raise _BrokenOff("what had arrived was of no use") from error
        raise SourceFailed(f"{url} answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise SourceFailed(f"{url} cannot be reached: {_reason(error)}") from error
    with response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            begin = 0
        length = response.headers.get("Content-Length", "")
        size = begin + int(length) if length.isdigit() else None
        _receive(response, partial, begin, size, _Progress(what, size, say), ends, limits)


def _receive(
    response: http.client.HTTPResponse,
    partial: Path,
    begin: int,
    size: int | None,
    progress: _Progress,
    ends: float,
    limits: Limits,
) -> None:
    """Copies the body to the file from `begin` on; `size` is that of the whole file, in bytes."""
    got = begin
    with partial.open("ab" if begin else "wb") as file:
        while True:
            try:
                block = response.read1(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _BrokenOff(f"no more came after {got / _MEGABYTE:.0f} MB ({_reason(error)})") from error
            if not block:
                break
            file.write(block)
            got += len(block)
            progress.reached(got)
            if time.monotonic() > ends:
                raise SourceFailed(
                    f"the download was not done after {limits.total:.0f} s ({got / _MEGABYTE:.0f} MB came)"
                )
    if size is not None and got < size:
        raise _BrokenOff(f"it ended after {got} of {size} bytes")


class _Progress:
    """Says how far a download is, each tenth once."""

    def __init__(self, what: str, size: int | None, say: Say) -> None:
        self._what = what
        self._size = size
        self._say = say
        self._said = -1

    def reached(self, got: int) -> None:
        if not self._size:
            return
        step = got * 100 // self._size // _STEP_PERCENT
        if step > self._said:
            self._said = step
            self._say(f"{self._what}: {got / _MEGABYTE:.0f} of {self._size / _MEGABYTE:.0f} MB")


def _reason(error: BaseException) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(inner) or type(inner).__name__


def _opener(limits: Limits) -> urllib.request.OpenerDirector:
    """An opener for http and https alone; once connected it waits `stall` seconds for each piece of an answer."""

    class Http(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(limits.stall)

    class Https(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(limits.stall)

    class HttpHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Http, req)

    class HttpsHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Https, req)

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        HttpHandler(),
        HttpsHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
