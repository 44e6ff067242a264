"""What happens to a scoring request: the steps of its release, the model, the measurement."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge

from stack.common.durations import DurationHistogram
from stack.common.errors import StartError
from stack.common.release import ServingRelease
from stack.common.share import Share
from stack.model_server.answer import refusal
from stack.model_server.protocol import BadRequest, decode
from stack.model_server.scorer import Scorer
from stack.model_server.served import MAX_BATCH_ROWS, ServedVersion
from stack.registry.versions import ModelVersion


class Phase(StrEnum):
    """Where in its life the server is."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    """Asked to stop: no longer ready, but whoever still asks is answered."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken on at once."""

    requests: int = 1024
    """Scoring requests in flight; more are refused with 503, to be sent again elsewhere or later."""
    batch_rows: int = MAX_BATCH_ROWS
    """Rows that are scored together."""


class Asker(Protocol):
    """Whoever waits for the answer to one scoring request."""

    started: float
    """When the request arrived, by the service's clock."""

    def answer(self, status: int, body: bytes, json_length: int | None = None) -> None:
        """Take the answer; with a binary tensor, `json_length` says where its JSON ends."""


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
        limits: Limits = Limits(),
    ) -> None:
        self.release = release
        self.registry = registry
        self.phase = Phase.STARTING
        self.now = clock
        """Seconds of the clock that durations are measured with."""
        self.in_flight = 0
        """Scoring requests that were taken and not yet answered."""
        self.served: ServedVersion | None = None
        """What answers; None before the first version is adopted."""
        self._targets: dict[bytes, ServedVersion] = {}
        self._limits = limits
        self._log = log
        self._answered = 0
        self._reject = Share(release.reject.share, offset=0.25) if release.reject.share else None
        self._audit = Share(release.audit.share) if release.audit.share else None
        self._durations = DurationHistogram(registry)
        self._info = Gauge(
            "model_version_info", "The model version that answers.", ["model", "version", "sha256"], registry=registry
        )
        if scorer is not None:
            self.adopt(scorer)

    @property
    def version(self) -> ModelVersion | None:
        """The version that is served; None before the first one is adopted."""
        return None if self.served is None else self.served.version

    @property
    def ready(self) -> bool:
        """Whether it asks for requests: it has come up, is not on its way out, and the model answers a request now."""
        if self.phase is not Phase.READY or self.served is None:
            return False
        try:
            self.served.check()
        except StartError as error:
            self._log.error("%s", error)
            return False
        return True

    def adopt(self, scorer: Scorer) -> None:
        """
        Serve `scorer` from the next request on; what was taken before is answered by the scorer it was taken with.

        Call it on the event loop's thread. The version in metadata, paths and `model_version_info` changes at once.

        Raises:
            StartError: it does not answer a scoring request; what was served stays.
        """
        served = ServedVersion(scorer, self._log, self._limits.batch_rows)
        served.check()
        version = scorer.version
        self.served = served
        self._targets = {path.encode(): served for path in infer_paths(version)}
        self._info.clear()
        self._info.labels(version.model, version.version, version.sha256).set(1)

    def open(self) -> None:
        """Become ready as soon as there is a version, unless asked to stop before."""
        if self.phase is Phase.STARTING:
            self.phase = Phase.READY

    def drain(self) -> None:
        """Stop being ready; requests are answered as before."""
        self.phase = Phase.DRAINING

    def find(self, target: bytes) -> ServedVersion | None:
        """What answers scoring requests to a path; None when the path is not one of the served version's."""
        return self._targets.get(target)

    def score(self, served: ServedVersion, body: bytes, json_length: int | None, asker: Asker) -> None:
        """
        Answer the body of a scoring request, now or later, always exactly once.

        `json_length` is the client's word that binary tensors follow so many bytes of JSON.
        """
        try:
            if self.phase is Phase.STARTING:
                raise BadRequest(503, "the model is not ready yet; ask /v2/health/ready")
            if self.in_flight >= self._limits.requests:
                raise BadRequest(503, f"{self.in_flight} requests are in flight already; try again in a moment")
            question = decode(body, json_length)
            if self._reject is not None and self._reject.takes():
                raise BadRequest(self.release.reject.status, "the request was refused by the input policy")
        except BadRequest as error:
            self.refuse(asker, error)
            return
        self.in_flight += 1
        if self._audit is not None and self._audit.takes():
            wait = self.release.audit.wait_ms / 1000
            asyncio.get_running_loop().call_later(wait, served.ask, question, self._delivery(asker))
        else:
            served.ask(question, self._delivery(asker))

    def absent(self, model: str, version: str) -> BadRequest:
        """Why a model, or a version of it that is not empty, is not here to be asked; it is known not to be served."""
        served = self.version
        if served is None:
            return BadRequest(503, "no model version is loaded yet; ask /v2/health/ready")
        if model != served.model:
            return BadRequest(404, f"model {model!r} is not served here; there is: {served.model}")
        return BadRequest(404, f"version {version!r} of {model} is not served here; there is: {served.version}")

    def refuse(self, asker: Asker, error: BadRequest) -> None:
        """Answer a scoring request that cannot be scored."""
        asker.answer(error.status, refusal(str(error)))
        self.measure(error.status, asker.started)

    def measure(self, status: int, started: float) -> None:
        """Count a scoring request that arrived at `started` and is answered now."""
        self._durations.observe(status, self.now() - started)
        self._answered += 1
        if self._answered % self.release.log.every == 0:
            self._log.info("answered %d requests", self._answered)

    def _delivery(self, asker: Asker) -> Callable[[int, bytes, int | None], None]:
        def deliver(status: int, body: bytes, json_length: int | None) -> None:
            self.in_flight -= 1
            asker.answer(status, body, json_length)
            self.measure(status, asker.started)

        return deliver


def infer_paths(version: ModelVersion) -> frozenset[str]:
    """Where scoring requests for the version go."""
    model = f"/v2/models/{version.model}"
    return frozenset({f"{model}/infer", f"{model}/versions/{version.version}/infer"})
