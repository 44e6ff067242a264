"""Sends copies of answered requests to another service, and compares what it says; nobody waits for it."""

from __future__ import annotations

import asyncio
from typing import Literal, get_args

from stack.common.share import Share
from stack.gateway.answer import read_inference
from stack.gateway.metrics import GatewayMetrics
from stack.gateway.replicas import Replicas
from stack.wire.client import BrokenAnswer, NoAnswer
from stack.wire.server import Request

MOST_IN_FLIGHT = 16
"""Copies on their way at once; further ones are dropped, so that a shadow that hangs costs nothing."""

TOLERANCE = 0.05
"""Probabilities that differ by no more agree."""

ShadowOutcome = Literal["agreed", "differed", "failed", "dropped"]
OUTCOMES: tuple[ShadowOutcome, ...] = get_args(ShadowOutcome)


class Shadowing:
    """
    Copies a share of the requests, each after its caller has been answered.

    The shadow has its own connections and its own bound; what goes wrong there is counted and goes nowhere else.
    """

    def __init__(self, replicas: Replicas, share: float, timeout_seconds: float, metrics: GatewayMetrics) -> None:
        self._replicas = replicas
        self._share = Share(share)
        self._timeout = timeout_seconds
        self._metrics = metrics
        self._in_flight: set[asyncio.Task[None]] = set()

    def copy(self, request: Request, headers: str, probabilities: list[float]) -> None:
        """Perhaps send a request also there, whose answer was `probabilities`."""
        if not self._share.takes():
            return
        if len(self._in_flight) >= MOST_IN_FLIGHT or not len(self._replicas):
            self._metrics.shadowed("dropped", None, None)
            return
        task = asyncio.create_task(self._ask(request, headers, probabilities))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    def close(self) -> None:
        """Drop what is on its way."""
        for task in self._in_flight:
            task.cancel()

    async def _ask(self, request: Request, headers: str, probabilities: list[float]) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        replica = self._replicas.next((), began)
        if replica is None:
            self._metrics.shadowed("dropped", None, None)
            return
        try:
            async with asyncio.timeout(self._timeout):
                answer = await replica.pool.ask(request.method, request.path, request.body, headers=headers)
        except (NoAnswer, BrokenAnswer, TimeoutError):
            self._metrics.shadowed("failed", None, None)
            return
        seconds = clock() - began
        said = read_inference(answer.body).probabilities if answer.status == 200 else []
        if not said or len(said) != len(probabilities):
            self._metrics.shadowed("failed", None, seconds)
            return
        difference = max(abs(one - other) for one, other in zip(said, probabilities, strict=True))
        self._metrics.shadowed("agreed" if difference <= TOLERANCE else "differed", difference, seconds)
