"""Reads the numbered logs of gateway and feed, replica by replica, across restarts and gaps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from stack.wire.client import Pool
from stack.wire.endpoints import Endpoint

POLL_SECONDS = 1.0
ANSWER_SECONDS = 5.0
"""How long one answer may take."""


class PredictionRow(msgspec.Struct):
    """One row of the gateway's log, as far as the monitor reads it."""

    seq: int
    id: str
    p: float


class PredictionPage(msgspec.Struct):
    """`GET /predictions`."""

    last: int
    predictions: list[PredictionRow]


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
    """How far the log of one replica was read."""

    pool: Pool
    seq: int = 0


class LogReader:
    """
    Reads what is new in the log of every replica of a service, and hands each page to `take`, which returns its `last`;
    `failed` is called at every page that could not be read.

    A replica that began anew counts from 1 again: its `last` lies below what was read, and it is read from the start.
    Rows that its bounded log dropped in between are gone; nothing is invented for them.
    """

    def __init__(
        self, path: str, take: Callable[[bytes], int], log: logging.Logger, failed: Callable[[], None]
    ) -> None:
        self._path = path
        self._take = take
        self._log = log
        self._cursors: dict[Endpoint, _Cursor] = {}
        self._failed = failed

    def update(self, endpoints: tuple[Endpoint, ...]) -> None:
        """Take `endpoints` as all replicas there are."""
        for gone in self._cursors.keys() - set(endpoints):
            self._cursors.pop(gone).pool.close()
        for endpoint in endpoints:
            self._cursors.setdefault(endpoint, _Cursor(Pool(endpoint.address)))

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
            answer = await cursor.pool.ask("GET", f"{self._path}?after={cursor.seq}")
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            last = self._take(answer.body)
            if last == cursor.seq:
                return
            cursor.seq = last if last > cursor.seq else 0

    def close(self) -> None:
        """Let go of all connections."""
        self.update(())
