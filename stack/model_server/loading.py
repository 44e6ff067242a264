"""
Follows the registry: which version an alias means now, and its file, checked before it is served.

A server that cannot reach the registry goes on with what it has. A version whose file is not the registered one, or
which fails its self-test, is refused once and the version before it stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from stack.common.errors import StartError
from stack.common.release import Loader
from stack.model_server.scorer import Scorer
from stack.registry.versions import HashMismatch, ModelVersion
from stack.wire.client import Address, Answer, Pool

POLL_SECONDS = 1.0
"""How often the registry is asked; an alias that moved is served within two of these."""
FIRST_RETRY_SECONDS = 0.05
"""Pause after a failed question while there is nothing to serve yet; doubles up to `POLL_SECONDS`."""
ANSWER_SECONDS = 5.0
"""How long one answer of the registry may take."""
LATEST = "latest"


class Poll(StrEnum):
    """What came of asking the registry."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    REFUSED = "refused"
    """The registry does not answer this client now."""
    FAILED = "failed"
    """No answer, or none that could be used."""


class Load(StrEnum):
    """What came of loading a version."""

    SERVED = "served"
    WRONG_HASH = "wrong_hash"
    UNUSABLE = "unusable"
    """Not a model, or no sensible answer in the self-test."""


class _Resolved(msgspec.Struct):
    """The registry's answer to `GET /resolve`."""

    model: str
    version: str
    sha256: str
    source: str
    signature: str = ""
    run_id: str = ""
    trained_on: str = ""
    created: str = ""
    metrics: dict[str, float] = {}


class _Refused(Exception):
    """The registry answered 429."""


class LoadingMetrics:
    """What the loader counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.last_success = Gauge(
            "model_registry_last_success_timestamp_seconds",
            "When the registry last said which version is meant, in Unix seconds; 0 is never.",
            registry=registry,
        )
        self.polls = Counter("model_registry_polls", "Questions to the registry.", ["outcome"], registry=registry)
        self.loads = Counter("model_loads", "Versions that were to be served.", ["outcome"], registry=registry)
        for poll in Poll:
            self.polls.labels(poll.value)
        for load in Load:
            self.loads.labels(load.value)


@dataclass(frozen=True, slots=True)
class Source:
    """Where versions come from and which one is wanted."""

    address: Address
    model: str
    alias: str
    """An alias, or a number to stay with that version."""
    client: str
    """How this server calls itself to the registry."""


class RegistryLoader:
    """Keeps a service at the version that the registry names; belongs to the event loop's thread."""

    def __init__(
        self,
        source: Source,
        behaviour: Loader,
        adopt: Callable[[Scorer], None],
        metrics: LoadingMetrics,
        now: Callable[[], float],
        log: logging.Logger,
    ) -> None:
        self._source = source
        self._behaviour = behaviour
        self._adopt = adopt
        self._metrics = metrics
        self._now = now
        self._log = log
        self._pool = Pool(source.address)
        self._etag = ""
        self._serving = False
        self._failing = False

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Follow the registry until cancelled, or until a refusal ends it where the release says so."""
        pause = FIRST_RETRY_SECONDS
        try:
            while True:
                outcome = await self.poll()
                if outcome is Poll.REFUSED and self._serving and self._behaviour.on_refusal == "stop":
                    self._log.warning("the registry refused a poll; staying with the version that is served")
                    return
                await sleep(POLL_SECONDS if self._serving else pause)
                pause = min(2 * pause, POLL_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection to the registry."""
        self._pool.close()

    async def poll(self) -> Poll:
        """Ask once, and serve what is named if it is another version than before."""
        try:
            outcome = await self._follow()
        except _Refused:
            outcome = Poll.REFUSED
            self._complain("the registry refuses: too many clients")
        except (OSError, TimeoutError, ValueError, msgspec.MsgspecError) as error:
            outcome = Poll.FAILED
            self._complain(f"the registry does not answer as it should: {error or type(error).__name__}")
        else:
            self._failing = False
            self._metrics.last_success.set(self._now())
        self._metrics.polls.labels(outcome.value).inc()
        return outcome

    async def _follow(self) -> Poll:
        answer = await self._ask(self._target())
        if answer.status == 304:
            return Poll.UNCHANGED
        named = msgspec.json.decode(answer.body, type=_Resolved)
        content = await self._ask(f"{named.source}?{urlencode({'model': named.model})}")
        await self._serve(_version(named, f"http://{self._source.address}{named.source}", content.body))
        self._etag = answer.headers.get("etag", "")
        return Poll.CHANGED

    async def _serve(self, version: ModelVersion) -> None:
        """Check the version away from the event loop, then serve it; what fails is told and left."""
        try:
            scorer = await asyncio.to_thread(Scorer.load, version)
        except HashMismatch as error:
            self._refuse(Load.WRONG_HASH, version, error)
        except StartError as error:
            self._refuse(Load.UNUSABLE, version, error)
        else:
            self._adopt(scorer)
            self._serving = True
            self._metrics.loads.labels(Load.SERVED.value).inc()
            self._log.info("serving %s version %s (%s)", version.model, version.version, version.sha256[:12])

    def _refuse(self, outcome: Load, version: ModelVersion, error: StartError) -> None:
        self._metrics.loads.labels(outcome.value).inc()
        self._log.error("version %s of %s is not served: %s", version.version, version.model, error)

    def _target(self) -> str:
        source = self._source
        pinned = source.alias.isdecimal()
        alias = LATEST if self._behaviour.pick == "latest" and not pinned else source.alias
        return "/resolve?" + urlencode({"model": source.model, "alias": alias, "client": source.client})

    async def _ask(self, target: str) -> Answer:
        polls = self._serving and target.startswith("/resolve")
        headers = f"if-none-match: {self._etag}\r\n" if polls else ""
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await self._pool.ask("GET", target, headers=headers)
        if answer.status == 429:
            raise _Refused
        if answer.status not in (200, 304):
            raise ValueError(f"{answer.status} {answer.body[:200].decode(errors='replace')}")
        return answer

    def _complain(self, what: str) -> None:
        """Once per stretch of failures."""
        if not self._failing:
            self._log.warning("%s", what)
        self._failing = True


def _version(named: _Resolved, path: str, data: bytes) -> ModelVersion:
    return ModelVersion(
        model=named.model,
        version=named.version,
        sha256=named.sha256,
        trained_on=named.trained_on,
        created=named.created,
        metrics=named.metrics,
        path=path,
        signature=named.signature,
        run_id=named.run_id,
        data=data,
    )
