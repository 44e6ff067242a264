"""Reads the numbered logs of gateway and feed, replica by replica, across restarts and gaps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from stack.wire.client import Pool
from stack.wire.endpoints import Endpoint

ANSWER_SECONDS = 5.0
"""How long one answer may take."""

_BEYOND = 2**53
"""A number that no log reaches: asked for what comes after it, a log tells its last number alone."""


class TruthRow(msgspec.Struct):
    """One row of the feed's log."""

    seq: int
    id: str
    late: int


class TruthPage(msgspec.Struct):
    """`GET /truth`."""

    last: int
    truths: list[TruthRow]


@dataclass(slots=True)
class _Cursor:
    """How far the log of one replica was read; None before its first answer, for a reader of what is new alone."""

    pool: Pool
    seq: int | None


class LogReader:
    """
    Reads what is new in the log of every replica of a service, and hands each page to `take`, which returns its `last`;
    `failed` is called at every page that could not be read.

    A replica that began anew counts from 1 again: its `last` lies below what was read, and it is read from the start.
    Rows that its bounded log dropped in between are gone; nothing is invented for them. With `from_end`, what a log
    holds when it is first seen is passed over.
    """

    def __init__(
        self,
        path: str,
        take: Callable[[bytes], int],
        log: logging.Logger,
        failed: Callable[[], None],
        *,
        from_end: bool = False,
    ) -> None:
        self._path = path
        self._take = take
        self._log = log
        self._cursors: dict[Endpoint, _Cursor] = {}
        self._failed = failed
        self._from_end = from_end

    def update(self, endpoints: tuple[Endpoint, ...]) -> None:
        """Take `endpoints` as all replicas there are."""
        for gone in self._cursors.keys() - set(endpoints):
            self._cursors.pop(gone).pool.close()
        for endpoint in endpoints:
            if endpoint not in self._cursors:
                self._cursors[endpoint] = _Cursor(Pool(endpoint.address), None if self._from_end else 0)

    async def read(self) -> None:
        """Read every replica once, up to its end."""
        for endpoint, cursor in list(self._cursors.items()):
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._read_one(cursor)
            except (OSError, TimeoutError, ValueError) as error:
                self._failed()
                self._log.warning("%s of %s not read: %s", self._path, endpoint.pod, error or type(error).__name__)

    async def _read_one(self, cursor: _Cursor) -> None:
        while True:
            after = _BEYOND if cursor.seq is None else cursor.seq
            answer = await cursor.pool.ask("GET", f"{self._path}?after={after}")
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            last = self._take(answer.body)
            if last == cursor.seq or cursor.seq is None:
                cursor.seq = last
                return
            cursor.seq = last if last > cursor.seq else 0

    def close(self) -> None:
        """Let go of all connections."""
        self.update(())
