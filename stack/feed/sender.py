"""Sends flights when they are due and decides what became of each request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from stack.feed.metrics import FeedMetrics
from stack.feed.outcome import Outcome, read_answer
from stack.feed.replay import Flight, request_body
from stack.feed.schedule import Schedule
from stack.feed.truth import TruthQueue
from stack.wire.client import BrokenAnswer, NoAnswer, Pool

INFER_PATH = "/v2/models/flight-risk/infer"

READY_WAIT_SECONDS = 15.0
"""How long the first request waits for a gateway that is still coming up."""

READY_POLL_SECONDS = 0.1

LONGEST_SLEEP_SECONDS = 0.5
"""How soon a schedule that was changed is noticed at the latest."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a request may take."""

    slo_seconds: float
    """An answer that takes longer is slow."""
    give_up_seconds: float
    """The feed stops waiting after this."""


class _Decision:
    """Counts a request once, at the first thing that decides it."""

    __slots__ = ("_metrics", "outcome")

    def __init__(self, metrics: FeedMetrics) -> None:
        self._metrics = metrics
        self.outcome: Outcome | None = None

    def take(self, outcome: Outcome) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self._metrics.decided(outcome)


class Sender:
    """Sends in an open loop: slow answers hold nothing back."""

    def __init__(
        self,
        gateway: Pool,
        flights: Iterator[Flight],
        limits: Limits,
        truth: TruthQueue,
        metrics: FeedMetrics,
        log: logging.Logger,
        log_every: int,
    ) -> None:
        self._gateway = gateway
        self._flights = flights
        self._limits = limits
        self._truth = truth
        self._metrics = metrics
        self._log = log
        self._log_every = log_every
        self._sent = 0
        self._in_flight: set[asyncio.Task[None]] = set()

    async def await_gateway(self) -> None:
        """Return once the gateway is ready, or after `READY_WAIT_SECONDS`: one that stays away shows in the counts."""
        try:
            async with asyncio.timeout(READY_WAIT_SECONDS):
                while not await self._gateway_ready():
                    await asyncio.sleep(READY_POLL_SECONDS)
        except TimeoutError:
            self._log.warning("the gateway is not ready; sending all the same")

    async def run(self, schedule: Schedule) -> None:
        """Send what the schedule has due until cancelled; what is in flight then goes on."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(max(0.0, schedule.next_due - loop.time()), LONGEST_SLEEP_SECONDS))
            for due in schedule.due(loop.time()):
                self._send(due)

    async def finish(self, seconds: float) -> None:
        """Wait for what is in flight, at most `seconds`."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=seconds)
        for task in self._in_flight:
            task.cancel()
        await asyncio.gather(*self._in_flight, return_exceptions=True)

    def _send(self, due: float) -> None:
        self._metrics.planned.inc()
        self._sent += 1
        flight = next(self._flights)
        self._truth.add(flight.id, flight.late, flight.lag, due)
        task = asyncio.create_task(self._request(flight, due, self._sent % self._log_every == 0))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _request(self, flight: Flight, due: float, logged: bool) -> None:
        loop = asyncio.get_running_loop()
        decision = _Decision(self._metrics)
        limit = loop.call_at(due + self._limits.slo_seconds, decision.take, Outcome.SLOW)
        try:
            async with asyncio.timeout_at(due + self._limits.give_up_seconds):
                outcome = await self._ask(flight)
        except TimeoutError:
            outcome = Outcome.TIMEOUT
        finally:
            limit.cancel()
        seconds = loop.time() - due
        late = outcome is Outcome.GOOD and seconds > self._limits.slo_seconds
        decision.take(Outcome.SLOW if late else outcome)
        self._metrics.durations.observe(seconds)
        if logged:
            self._log.info("request id=%s outcome=%s ms=%.1f", flight.id, decision.outcome, seconds * 1000)

    async def _ask(self, flight: Flight) -> Outcome:
        try:
            answer = await self._gateway.ask("POST", INFER_PATH, request_body(flight))
        except (NoAnswer, BrokenAnswer):
            return Outcome.ERROR
        if answer.status != 200:
            return Outcome.ERROR
        valid = read_answer(answer.body, flight.id)
        if valid is None:
            return Outcome.INVALID
        self._metrics.answered(valid)
        return Outcome.GOOD

    async def _gateway_ready(self) -> bool:
        try:
            return (await self._gateway.ask("GET", "/v2/health/ready")).status == 200
        except (NoAnswer, BrokenAnswer):
            return False
