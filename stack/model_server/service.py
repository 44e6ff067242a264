"""What happens to a scoring request: the steps of its release, the model, the measurement."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Gauge

from stack.common.metrics import request_durations
from stack.common.release import ServingRelease
from stack.common.share import Share
from stack.model_server.protocol import BadRequest, decode, encode, refusal
from stack.model_server.scorer import Scorer


class Phase(StrEnum):
    """Where in its life the server is."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    """Asked to stop: no longer ready, but whoever still asks is answered."""


class Service:
    """Answers scoring requests with one scorer, as one release does it."""

    def __init__(
        self,
        scorer: Scorer,
        release: ServingRelease,
        registry: CollectorRegistry,
        clock: Callable[[], float],
        log: logging.Logger,
    ) -> None:
        self.scorer = scorer
        self.release = release
        self.registry = registry
        self.phase = Phase.STARTING
        self._clock = clock
        self._log = log
        self._answered = 0
        self._reject = Share(release.reject.share, offset=0.25) if release.reject.share else None
        self._audit = Share(release.audit.share) if release.audit.share else None
        self._durations = request_durations(registry)
        self._ok = self._durations.labels("200")
        info = Gauge(
            "model_version_info", "The model version that answers.", ["model", "version", "sha256"], registry=registry
        )
        info.labels(scorer.version.model, scorer.version.version, scorer.version.sha256).set(1)

    def open(self) -> None:
        """Become ready, unless asked to stop before."""
        if self.phase is Phase.STARTING:
            self.phase = Phase.READY

    def drain(self) -> None:
        """Stop being ready; requests are answered as before."""
        self.phase = Phase.DRAINING

    def now(self) -> float:
        """Seconds of the clock that durations are measured with."""
        return self._clock()

    async def answer(self, body: bytes) -> tuple[int, bytes]:
        """The HTTP status and JSON body for the body of a scoring request."""
        try:
            return 200, await self._score(body)
        except BadRequest as error:
            return error.status, refusal(str(error))

    async def _score(self, body: bytes) -> bytes:
        if self.phase is Phase.STARTING:
            raise BadRequest(503, "the model is not ready yet; ask /v2/health/ready")
        flight, rows = decode(body)
        if self._reject is not None and self._reject.takes():
            raise BadRequest(self.release.reject.status, "the request was refused by the input policy")
        if self._audit is not None and self._audit.takes():
            await asyncio.sleep(self.release.audit.wait_ms / 1000)
        return encode(self.scorer.version, flight, self.scorer.score(rows))

    def observe(self, status: int, started: float) -> None:
        """Count an answered request that arrived at `started` by `now`."""
        durations = self._ok if status == 200 else self._durations.labels(str(status))
        durations.observe(self._clock() - started)
        self._answered += 1
        if self._answered % self.release.log.every == 0:
            self._log.info("answered %d requests", self._answered)
