"""The data path of a Service: accepted connections, each tied to one Pod, byte for byte in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import cast

from lab.cluster.embedded import ports

Backend = tuple[str, int]
BACKLOG = 512


class Listener:
    """One port of one Service. All methods run in the loop of the proxies."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bound: socket.socket) -> None:
        self._loop = loop
        self._address: Backend = bound.getsockname()
        self._socket: socket.socket | None = bound
        self._listening = False
        self._backends: tuple[Backend, ...] = ()
        self._turn = 0
        self._ends: set[_End] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def direct(self, backends: tuple[Backend, ...]) -> None:
        """Hand new connections to these in turn; with none, refuse them. Open connections stay as they are."""
        self._backends = backends
        if backends and not self._listening:
            self._listen()
        elif not backends and self._listening:
            self._release()
            with contextlib.suppress(OSError):
                self._socket = ports.bound_socket(*self._address)

    def close(self) -> None:
        """Refuse new connections and cut the open ones."""
        self._release()
        for task in self._tasks:
            task.cancel()
        for end in list(self._ends):
            end.abort()

    def _listen(self) -> None:
        if self._socket is None:
            self._socket = ports.bound_socket(*self._address)
        self._socket.setblocking(False)
        self._socket.listen(BACKLOG)
        self._loop.add_reader(self._socket.fileno(), self._accept)
        self._listening = True

    def _release(self) -> None:
        """Close the socket: a listening one cannot be told to refuse."""
        if self._socket is not None:
            if self._listening:
                self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        self._socket, self._listening = None, False

    def _accept(self) -> None:
        for _ in range(BACKLOG):
            if self._socket is None:
                return
            try:
                accepted, _peer = self._socket.accept()
            except OSError:
                return
            task = self._loop.create_task(self._tie(accepted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tie(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._backends:
            accepted.close()
            return
        self._turn = (self._turn + 1) % len(self._backends)
        host, port = self._backends[self._turn]
        front, back = _End(self._ends), _End(self._ends)
        front.other, back.other = back, front
        try:
            await self._loop.connect_accepted_socket(lambda: front, accepted)
            await self._loop.create_connection(lambda: back, host, port)
        except OSError:
            front.abort()
        except asyncio.CancelledError:
            front.abort()
            accepted.close()
            raise


class _End(asyncio.Protocol):
    """One side of a connection; what it reads, the other side writes."""

    def __init__(self, register: set[_End]) -> None:
        self.other: _End | None = None
        self._register = register
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._early_end = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._register.add(self)
        other = self.other
        if other is not None and other._early:
            self._transport.write(b"".join(other._early))
            other._early.clear()
        if other is not None and other._early_end:
            self._finish_writing()
        if other is None:
            self.abort()

    def data_received(self, data: bytes) -> None:
        other = self.other
        if other is not None and other._transport is not None:
            other._transport.write(data)
        else:
            self._early.append(data)

    def eof_received(self) -> bool:
        other = self.other
        if other is not None and other._transport is not None:
            other._finish_writing()
        else:
            self._early_end = True
        return True

    def connection_lost(self, _error: Exception | None) -> None:
        self._register.discard(self)
        other, self.other = self.other, None
        if other is None:
            return
        other.other = None
        if other._transport is not None:
            if _error is None:
                other._transport.close()
            else:
                other._transport.abort()

    def pause_writing(self) -> None:
        if self.other is not None and self.other._transport is not None:
            self.other._transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other._transport is not None:
            self.other._transport.resume_reading()

    def abort(self) -> None:
        """Cut this side, and with it the other."""
        if self._transport is not None:
            self._transport.abort()

    def _finish_writing(self) -> None:
        if self._transport is not None and self._transport.can_write_eof():
            with contextlib.suppress(OSError):
                self._transport.write_eof()
