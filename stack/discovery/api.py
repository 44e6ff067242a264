"""Lists and watches the pods of a namespace through the Kubernetes API."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stack.common.errors import StartError
from stack.discovery.bookings import Bookings, read_booking
from stack.discovery.pods import read_pod
from stack.discovery.view import View
from stack.wire.client import Address
from stack.wire.message import MAX_HEAD, Head, MessageError, chunks, read_body, read_head

WATCH_SECONDS = 60
"""How long one watch is asked to last."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Pauses after failures, in seconds; each is twice the one before."""

LIST_SECONDS = 10
"""How long listing may take."""


class Expired(Exception):
    """The API no longer knows the version to resume from; the pods have to be listed again."""


class Refused(ConnectionError):
    """The API answered with an error."""


class Counter(Protocol):
    """Counts one up."""

    def inc(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the API as the pod's service account."""

    address: Address
    namespace: str
    token_file: Path
    """Read for every connection, because tokens are rotated."""
    tls: ssl.SSLContext


def access_from(environ: Mapping[str, str]) -> Access:
    """
    The access that a pod is given: the folder in `SERVICEACCOUNT_DIR` and the address in `KUBERNETES_SERVICE_*`.

    Raises:
        StartError: something of it is missing; names it.
    """
    try:
        folder = Path(environ["SERVICEACCOUNT_DIR"])
        address = Address(environ["KUBERNETES_SERVICE_HOST"], int(environ["KUBERNETES_SERVICE_PORT"]))
    except KeyError as error:
        raise StartError(f"{error.args[0]} is not set; a pod with a service account has it") from error
    except ValueError as error:
        raise StartError(f"KUBERNETES_SERVICE_PORT is not a port: {error}") from error
    try:
        namespace = (folder / "namespace").read_text(encoding="ascii").strip()
        tls = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"{folder}: no service account here: {error}") from error
    return Access(address, namespace, folder / "token", tls)


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of the pods, for its different readers."""

    view: View
    bookings: Bookings

    def replace(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Take the pods of `documents` as all there are."""
        self.bookings.replace(booking for item in documents if (booking := read_booking(item)))
        self.view.replace(pod for item in documents if (pod := read_pod(item)))

    def put(self, document: Mapping[str, Any]) -> None:
        """Take the new state of one pod."""
        name = document["metadata"]["name"]
        self.bookings.put(name, read_booking(document))
        pod = read_pod(document)
        if pod is None:
            self.view.remove(name)
        else:
            self.view.put(pod)

    def remove(self, name: str) -> None:
        """Forget a pod, known or not."""
        self.bookings.put(name, None)
        self.view.remove(name)


async def follow_pods(access: Access, known: Known, failures: Counter, log: logging.Logger) -> None:
    """Keep `known` as the API has it, until cancelled; while the API does not answer, it stays as it was."""
    pause = FIRST_PAUSE

    def answered() -> None:
        nonlocal pause
        pause = FIRST_PAUSE

    while True:
        try:
            async with asyncio.timeout(LIST_SECONDS):
                version = await _list(access, known)
            await _watch(access, known, version, answered)
        except Expired:
            log.info("the watch expired; listing again")
        except (OSError, TimeoutError, MessageError, ValueError, KeyError) as error:
            failures.inc()
            log.warning("kubernetes api: %s; again in %.1f s", error or type(error).__name__, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


async def _list(access: Access, known: Known) -> str:
    async with _get(access, _path(access)) as (reader, head):
        document = json.loads(await read_body(reader, head, until_close=True))
    known.replace(document["items"])
    return str(document["metadata"]["resourceVersion"])


async def _watch(access: Access, known: Known, version: str, answered: Callable[[], None]) -> None:
    """Apply events from `version` on; starts another watch where one ends, until something fails."""
    while True:
        query = f"?watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={version}"
        began = asyncio.get_running_loop().time()
        async with _get(access, _path(access) + query) as (reader, head):
            if not head.chunked:
                raise Refused("the watch is not a stream")
            answered()
            async with asyncio.timeout(WATCH_SECONDS + 15):
                async for line in _lines(reader):
                    version = _apply(json.loads(line), known) or version
        if asyncio.get_running_loop().time() - began < FIRST_PAUSE:
            await asyncio.sleep(FIRST_PAUSE)


def _apply(event: Mapping[str, Any], known: Known) -> str:
    kind, found = event["type"], event["object"]
    if kind == "ERROR":
        if found.get("code") == 410:
            raise Expired
        raise Refused(f"the watch failed: {found.get('message', found)}")
    if kind == "DELETED":
        known.remove(found["metadata"]["name"])
    elif kind in {"ADDED", "MODIFIED"}:
        known.put(found)
    return str(found["metadata"].get("resourceVersion", ""))


@asynccontextmanager
async def _get(access: Access, target: str) -> AsyncIterator[tuple[asyncio.StreamReader, Head]]:
    """One GET on a connection of its own, yielded once its head is there and closed afterwards."""
    token = access.token_file.read_text(encoding="ascii").strip()
    reader, writer = await asyncio.open_connection(
        access.address.host, access.address.port, ssl=access.tls, limit=MAX_HEAD
    )
    try:
        writer.write(
            f"GET {target} HTTP/1.1\r\nhost: {access.address}\r\nauthorization: Bearer {token}\r\n"
            f"accept: application/json\r\nuser-agent: discovery\r\nconnection: close\r\n\r\n".encode("ascii")
        )
        head = await read_head(reader)
        if head is None:
            raise Refused("closed without an answer")
        status = head.line.split(" ", 2)[1:2]
        if status == ["410"]:
            raise Expired
        if status != ["200"]:
            raise Refused(head.line)
        yield reader, head
    finally:
        writer.transport.abort()


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks(reader):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line


def _path(access: Access) -> str:
    return f"/api/v1/namespaces/{access.namespace}/pods"
