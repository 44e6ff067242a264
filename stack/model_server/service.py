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
from stack.registry.versions import ModelVersion


class Phase(StrEnum):
    """Where in its life the server is."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    """Asked to stop: no longer ready, but whoever still asks is answered."""


class Service:
    """
    Answers scoring requests as one release does it, with the scorer adopted last; until there is one, with 503.

    All of it belongs to the event loop's thread.
    """

    def __init__(
        self,
        scorer: Scorer | None,
        release: ServingRelease,
        registry: CollectorRegistry,
        clock: Callable[[], float],
        log: logging.Logger,
    ) -> None:
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
        self._info = Gauge(
            "model_version_info", "The model version that answers.", ["model", "version", "sha256"], registry=registry
        )
        self._scorer: Scorer | None = None
        if scorer is not None:
            self.adopt(scorer)

    @property
    def version(self) -> ModelVersion | None:
        """The version that is served; None before the first one is adopted."""
        return None if self._scorer is None else self._scorer.version

    @property
    def ready(self) -> bool:
        """Whether it asks for requests: it has a version to answer with, has come up, and is not on its way out."""
        return self.phase is Phase.READY and self._scorer is not None

    def adopt(self, scorer: Scorer) -> None:
        """
        Serve `scorer` from the next batch on; what was taken before is answered by the scorer it was taken with.

        Call it on the event loop's thread. The version in metadata, paths and `model_version_info` changes at once.
        """
        version = scorer.version
        self._scorer = scorer
        self._info.clear()
        self._info.labels(version.model, version.version, version.sha256).set(1)

    def open(self) -> None:
        """Become ready as soon as there is a version, unless asked to stop before."""
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
        if self.phase is Phase.STARTING or self._scorer is None:
            raise BadRequest(503, "the model is not ready yet; ask /v2/health/ready")
        flight, rows = decode(body)
        if self._reject is not None and self._reject.takes():
            raise BadRequest(self.release.reject.status, "the request was refused by the input policy")
        if self._audit is not None and self._audit.takes():
            await asyncio.sleep(self.release.audit.wait_ms / 1000)
        scorer = self._scorer
        return encode(scorer.version, flight, scorer.score(rows))

    def observe(self, status: int, started: float) -> None:
        """Count an answered request that arrived at `started` by `now`."""
        durations = self._ok if status == 200 else self._durations.labels(str(status))
        durations.observe(self._clock() - started)
        self._answered += 1
        if self._answered % self.release.log.every == 0:
            self._log.info("answered %d requests", self._answered)
