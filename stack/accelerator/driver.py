"""The driver: serves the device to other processes, one connection for each, and the metrics to whoever asks."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from stack.accelerator.board import Board, Process
from stack.accelerator.driver_status import GONE, OUT_OF_MEMORY, UNAVAILABLE
from stack.accelerator.registers import Registers, changed
from stack.wire.message import MAX_HEAD, MessageError, read_body, read_head
from stack.wire.server import Response, error_response, json_response

SAMPLE_SECONDS = 0.25
_SERVED = "/v1/open /v1/allocate /v1/free /v1/launch /v1/memory /metrics /healthz /livez"


class Driver:
    """
    Gives processes their share of one board.

    A connection that asked for `/v1/open` is the process: whatever it holds is free again the moment it closes, however
    the process ended. An answer to `/v1/launch` comes when the kernel is done; nobody polls.
    """

    def __init__(self, board: Board, metrics: Callable[[], bytes], log: logging.Logger) -> None:
        self._board = board
        self._metrics = metrics
        self._log = log
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.ready = False
        """Whether the release has come up."""

    async def start(self, listener: socket.socket) -> None:
        """Serve the connections of a listening socket, which is closed in the end."""
        self._listener = await asyncio.start_server(self._accept, sock=listener, limit=MAX_HEAD)

    async def sample(self) -> None:
        """Read the sensors and let the clock follow the temperature, until cancelled."""
        while True:
            self._settle(self._board.sample(self._now()))
            await asyncio.sleep(SAMPLE_SECONDS)

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._listener is not None:
            self._listener.close()
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        client = _Client(self, reader)
        try:
            while await self._exchange(client, writer):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            if client.session:
                self._waiting.pop(client.session, None)
                self._settle(self._board.close(client.session, self._now()))
            writer.close()

    async def _exchange(self, client: _Client, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection goes on."""
        keep = False
        try:
            head = await read_head(client.reader)
            if head is None:
                return False
            method, target, *_ = f"{head.line}  ".split(" ")
            body = await read_body(client.reader, head)
            response = await client.answer(method, target.partition("?")[0], body)
            keep = head.keeps_alive
        except MessageError as error:
            response = error_response(error.status, str(error))
        connection = "keep-alive" if keep else "close"
        writer.write(
            f"HTTP/1.1 {response.status} Answer\r\ncontent-type: {response.content_type}\r\n"
            f"content-length: {len(response.body)}\r\nconnection: {connection}\r\n\r\n".encode("ascii")
            + response.body
        )
        await writer.drain()
        return keep

    def page(self, method: str, path: str, body: bytes) -> Response:
        """Requests that need no context."""
        match method, path:
            case "GET", "/metrics":
                self._settle(self._board.advance(self._now()))
                return Response(200, self._metrics(), "text/plain; version=0.0.4; charset=utf-8")
            case "GET", "/livez":
                return json_response({"status": "alive"})
            case "GET", "/healthz":
                return json_response({"status": "ok"}) if self.ready else error_response(503, "starting")
            case "PUT" | "PATCH", "/v1/registers":
                return self._write(method, body)
            case _:
                return error_response(404, f"served: {_SERVED}")

    def open(self, process: Process) -> tuple[int, Response]:
        """A session and the answer that tells of it; 0 when there is none."""
        spec = self._board.spec
        if why := self._board.refusal():
            return 0, error_response(UNAVAILABLE, why)
        session = self._board.open(process)
        if session is None:
            total, free, _ = self._board.memory(0)
            return 0, json_response(
                {"error": "no memory for a context", "tried": spec.context_bytes, "total": total, "free": free},
                OUT_OF_MEMORY,
            )
        told = {"name": spec.name, "uuid": spec.uuid, "memory_bytes": spec.memory_bytes, "flops": spec.flops}
        return session, json_response(told)

    def allocate(self, session: int, size: int) -> Response:
        """Memory for a session, or how memory stands."""
        address = self._board.allocate(session, size)
        if address is None:
            return json_response({"error": "no gap is long enough", **self._figures(session)}, OUT_OF_MEMORY)
        return json_response({"address": address})

    def free(self, session: int, address: int) -> Response:
        """Take memory of a session back."""
        if not self._board.free(session, address):
            return error_response(404, f"nothing is held at {address}")
        return json_response({})

    def memory(self, session: int) -> Response:
        """How memory stands for a session."""
        return json_response(self._figures(session))

    def lost(self, session: int) -> Response | None:
        """The answer to everything that a session whose context is lost asks for; None while it lives."""
        xid = self._board.broken(session)
        return json_response({"error": "the context is lost", "xid": xid}, GONE) if xid else None

    async def launch(self, session: int, flops: float, launches: int, gone: asyncio.Task[bytes]) -> Response:
        """Run a kernel; answers when it is done, or gives up when the process is `gone`."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._waiting[session] = done
        began = loop.time()
        self._settle(self._board.launch(session, flops, launches, began))
        await asyncio.wait((done, gone), return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise ConnectionResetError
        return self.lost(session) or json_response({"seconds": loop.time() - began})

    def _write(self, method: str, body: bytes) -> Response:
        start = Registers() if method == "PUT" else self._board.registers
        try:
            registers = changed(start, json.loads(body or b"{}"))
        except ValueError as error:
            return error_response(422, str(error))
        self._settle(self._board.write(registers, self._now()))
        return json_response({})

    def _figures(self, session: int) -> Mapping[str, int]:
        total, free, process = self._board.memory(session)
        return {"total": total, "free": free, "process": process}

    def _settle(self, done: list[int]) -> None:
        """Tell those whose kernel finished, and wake up when the next one will."""
        for session in done:
            future = self._waiting.pop(session, None)
            if future is not None and not future.done():
                future.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
        end = self._board.next_end()
        loop = asyncio.get_running_loop()
        self._timer = None if end is None else loop.call_at(end, self._wake)

    def _wake(self) -> None:
        self._settle(self._board.advance(self._now()))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class _Client:
    """One connection, and the session it opened."""

    def __init__(self, driver: Driver, reader: asyncio.StreamReader) -> None:
        self.reader = reader
        self.session = 0
        self._driver = driver

    async def answer(self, method: str, path: str, body: bytes) -> Response:
        if method != "POST" or path not in _SERVED.split():
            return self._driver.page(method, path, body)
        try:
            return await self._call(path.removeprefix("/v1/"), json.loads(body or b"{}"))
        except (KeyError, TypeError, ValueError) as error:
            return error_response(400, f"not understood: {error}")

    async def _call(self, what: str, asked: Mapping[str, Any]) -> Response:
        driver, session = self._driver, self.session
        if what == "open" and not session:
            names = {name: str(asked.get(name, "")) for name in ("pod", "namespace", "container")}
            self.session, response = driver.open(Process(int(asked["pid"]), **names))
            return response
        if not session or what == "open":
            return error_response(409, "a connection opens the device once, before anything else")
        if lost := driver.lost(session):
            return lost
        match what:
            case "allocate":
                return driver.allocate(session, _natural(asked["bytes"]))
            case "free":
                return driver.free(session, int(asked["address"]))
            case "memory":
                return driver.memory(session)
            case "launch":
                return await self._launch(float(asked["flops"]), _natural(asked.get("launches", 1)))
            case _:
                return error_response(404, f"served: {_SERVED}")

    async def _launch(self, flops: float, launches: int) -> Response:
        """Run a kernel and look after the connection meanwhile: whoever asked may be gone before it is done."""
        if not 0 <= flops < float("inf"):
            raise ValueError(f"{flops} operations cannot be run")
        gone = asyncio.ensure_future(self.reader.read(1))
        try:
            return await self._driver.launch(self.session, flops, launches, gone)
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await gone


def _natural(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"expected a whole number from 1 up, found {value!r}")
    return value
