"""A small HTTP/1.1 server on asyncio streams, for one handler, with an orderly end."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from stack.wire.message import MAX_HEAD, Head, MessageError, read_body, read_head

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `path` is decoded and without the query; `arrived` is the loop's time in seconds."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    arrived: float
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, with its whole body."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers, names in lower case."""


def json_response(document: object, status: int = 200) -> Response:
    """`document` as JSON."""
    return Response(status, json.dumps(document, separators=(",", ":")).encode())


def error_response(status: int, what: str) -> Response:
    """`{"error": what}`, the form of errors in the Open Inference Protocol."""
    return json_response({"error": what}, status)


Handler = Callable[[Request], Awaitable[Response]]


class _Connection:
    """What the server remembers of one open connection."""

    __slots__ = ("busy", "task", "writer")

    def __init__(self, writer: asyncio.StreamWriter, task: asyncio.Task[None]) -> None:
        self.writer = writer
        self.task = task
        self.busy = False


class Server:
    """
    Serves `handler` until closed.

    The end has two steps, so that no client meets a refusal while the news of this replica's end still spreads:
    `retire` closes idle connections and ends busy ones after their answer, still taking new ones; `close` stops
    listening and waits for what is in flight.
    """

    def __init__(self, handler: Handler, log: logging.Logger) -> None:
        self._handler = handler
        self._log = log
        self._connections: set[_Connection] = set()
        self._listener: asyncio.Server | None = None
        self._retired = False

    async def start(self, listener: socket.socket) -> None:
        """Serve the connections of a listening socket, which is closed in the end."""
        self._listener = await asyncio.start_server(self._accept, sock=listener, limit=MAX_HEAD)

    def retire(self) -> None:
        """From now on each connection ends after its answer; idle ones end at once."""
        self._retired = True
        for connection in self._connections:
            if not connection.busy:
                connection.writer.close()

    async def close(self, grace_seconds: float) -> None:
        """Stop listening, wait up to `grace_seconds` for the answers in flight, then cut what is left."""
        if self._listener is not None:
            self._listener.close()
        self.retire()
        tasks = {connection.task for connection in self._connections}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connection = _Connection(writer, task)
        self._connections.add(connection)
        try:
            while await self._exchange(reader, connection):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(connection)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, connection: _Connection) -> bool:
        """One request and its answer; whether the connection goes on."""
        writer = connection.writer
        try:
            head = await read_head(reader)
            if head is None:
                return False
            connection.busy = True
            if head.headers.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request = _request(head, await read_body(reader, head))
        except MessageError as error:
            await _write(writer, error_response(error.status, str(error)), keep=False, bodiless=False)
            return False
        response = await self._answer(request)
        keep = head.keeps_alive and not self._retired
        await _write(writer, response, keep=keep, bodiless=request.method == "HEAD")
        connection.busy = False
        return keep

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._handler(request)
        except Exception:  # the outermost loop of a connection: one bad request must not end the process
            self._log.exception("%s %s failed", request.method, request.path)
            return error_response(500, "internal error")


def _request(head: Head, body: bytes) -> Request:
    words = head.line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise MessageError(400, "the request line is malformed")
    path, _, query = words[1].partition("?")
    return Request(
        method=words[0],
        path=unquote(path) if "%" in path else path,
        query=dict(parse_qsl(query)) if query else {},
        body=body,
        arrived=asyncio.get_running_loop().time(),
        headers=head.headers,
    )


_REASONS = {status.value: status.phrase for status in HTTPStatus}


async def _write(writer: asyncio.StreamWriter, response: Response, *, keep: bool, bodiless: bool) -> None:
    further = "".join(f"{name}: {value}\r\n" for name, value in response.headers)
    head = (
        f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}\r\n"
        f"content-type: {response.content_type}\r\n"
        f"content-length: {len(response.body)}\r\n{further}"
        f"connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    writer.write(head.encode("latin-1") + (b"" if bodiless else response.body))
    await writer.drain()
