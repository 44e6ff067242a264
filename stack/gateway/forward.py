"""Sends a request to a replica, at another one where that may help, and reads what came back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from stack.gateway.answer import NOTHING, Inference, read_inference
from stack.gateway.budget import RetryBudget
from stack.gateway.judge import Judge
from stack.gateway.metrics import GatewayMetrics
from stack.gateway.outcomes import Outcomes
from stack.gateway.replicas import Replica
from stack.gateway.ring import PredictionRing
from stack.gateway.router import Router
from stack.gateway.settings import GatewaySettings
from stack.gateway.shadow import Shadowing
from stack.gateway.track import Track
from stack.wire.client import Answer, BrokenAnswer, NoAnswer
from stack.wire.server import JSON, Request, Response, error_response

MOST_ATTEMPTS = 2

DEADLINE_HEADER = "x-request-timeout-ms"
"""How much time a request has left, in milliseconds; taken from callers and told to replicas."""

_PASSED_ON = ("x-request-id", "x-client-id", "inference-header-content-length")
_PASSED_BACK = ("inference-header-content-length", "retry-after")


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What came of asking one replica."""

    code: str
    """HTTP status, `unreachable` or `broken`."""
    answer: Answer | None
    inference: Inference = NOTHING


class Forwarder:
    """Passes requests on; asks another replica where the first gave one of the outcomes to retry on."""

    def __init__(
        self,
        router: Router,
        settings: GatewaySettings,
        metrics: GatewayMetrics,
        ring: PredictionRing,
        outcomes: Outcomes,
    ) -> None:
        self._router = router
        self._retry_on = settings.retry_on
        self._timeout = settings.deadline_seconds
        self._metrics = metrics
        self._ring = ring
        self._outcomes = outcomes
        self._budget = RetryBudget(settings.retry_ratio, settings.retry_reserve)
        self._shadowing: Shadowing | None = None

    def shadow(self) -> None:
        """Take the shadow of the router's routes."""
        self.close()
        shadow = self._router.routes.shadow
        if shadow is not None and shadow.share:
            self._shadowing = Shadowing(self._router.shadow, shadow.share, self._timeout, self._metrics)

    def close(self) -> None:
        """Drop the copies that are on their way."""
        if self._shadowing is not None:
            self._shadowing.close()
        self._shadowing = None

    async def forward(self, request: Request, deadline: float, features: Sequence[bytes] = ()) -> Response:
        """
        The answer of a replica, as it came, until `deadline` in seconds of the loop; 503 without replicas, 502 where
        none gave a whole answer. `features` are the request's rows, for the log of predictions.
        """
        loop = asyncio.get_running_loop()
        infers = request.method == "POST" and request.path.endswith("/infer")
        self._budget.requested(loop.time())
        track = self._router.choose(request)
        judges: Sequence[Judge] = self._router.judges if infers else ()
        tried: list[Replica] = []
        attempt: _Attempt | None = None
        while track is not None:
            replica = track.replicas.next(tried, loop.time())
            if replica is None:
                break
            tried.append(replica)
            attempt = await self._attempt(track, replica, request, deadline, judges)
            if attempt.inference is not NOTHING:
                self._record(track, replica, attempt.inference, judges, features)
            if attempt.code not in self._retry_on or len(tried) >= MOST_ATTEMPTS:
                break
            track, judges = self._again(track, tried), ()
        if infers and self._shadowing is not None and attempt is not None and attempt.inference is not NOTHING:
            self._shadowing.copy(request, _headers(request, self._timeout), attempt.inference.probabilities)
        return _response(attempt, tried)

    def _again(self, track: Track, tried: list[Replica]) -> Track | None:
        """The track with a replica for a further attempt, within the budget; None where there is none."""
        if len(track.replicas) <= len(tried):
            other = self._router.other(track)
            if other is None:
                return None
            track = other
        granted = self._budget.take(asyncio.get_running_loop().time())
        self._metrics.retried(granted)
        return track if granted else None

    async def _attempt(
        self, track: Track, replica: Replica, request: Request, deadline: float, judges: Sequence[Judge]
    ) -> _Attempt:
        """Ask one replica; what came of it is counted, also where the deadline ends it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        code, answer, inference = "deadline", None, NOTHING
        try:
            headers = _headers(request, deadline - began)
            answer = await replica.pool.ask(request.method, request.path, request.body, headers=headers)
            code = str(answer.status)
            if answer.status == 200:
                inference = read_inference(answer.body)
        except NoAnswer:
            code = "unreachable"
        except BrokenAnswer:
            code = "broken"
        finally:
            now = loop.time()
            seconds = now - began
            version = inference.model_version
            self._metrics.attempt(track.service, replica.pod, version, code, None if answer is None else seconds)
            failed = answer is None or answer.status >= 500
            self._trust(track, replica, failed, now)
            if judges:
                self._judge(track, judges, failed, seconds, now)
        return _Attempt(code, answer, inference)

    def _trust(self, track: Track, replica: Replica, failed: bool, now: float) -> None:
        if not failed:
            replica.breaker.succeeded()
        elif track.replicas.failed(replica, now):
            self._metrics.ejected(track.service)

    def _judge(self, track: Track, judges: Sequence[Judge], failed: bool, seconds: float, now: float) -> None:
        for judge in judges:
            judge.attempted(track.service, error=failed, seconds=seconds)
        if any(judge.verdict is not None for judge in judges):
            self._router.settle(now)

    def _record(
        self,
        track: Track,
        replica: Replica,
        inference: Inference,
        judges: Sequence[Judge],
        features: Sequence[bytes],
    ) -> None:
        """Log the predictions of an answer, each with the features it was made from where these are known."""
        probabilities = inference.probabilities
        known = features if len(features) == len(probabilities) else [b""] * len(probabilities)
        single = len(probabilities) == 1
        for row, probability in enumerate(probabilities):
            name = inference.id if single else f"{inference.id}/{row}"
            self._ring.add(name, probability, inference.model_version, replica.pod, known[row])
            if judges:
                self._outcomes.predicted(name, track.service, probability, judges)


def _headers(request: Request, seconds_left: float) -> str:
    """The header lines that a replica gets beside host and length."""
    kind = request.headers.get("content-type", JSON)
    lines = f"content-type: {kind}\r\n{DEADLINE_HEADER}: {max(1, int(seconds_left * 1000))}\r\n"
    for name in _PASSED_ON:
        if name in request.headers:
            lines += f"{name}: {request.headers[name]}\r\n"
    return lines


def _response(attempt: _Attempt | None, tried: list[Replica]) -> Response:
    if attempt is None:
        return error_response(503, "no replica is ready")
    answer, pod = attempt.answer, tried[-1].pod
    if answer is None:
        what = "broke off within its answer" if attempt.code == "broken" else "cannot be reached"
        return error_response(502, f"replica {pod} {what}")
    further = tuple((name, answer.headers[name]) for name in _PASSED_BACK if name in answer.headers)
    return Response(answer.status, answer.body, answer.headers.get("content-type", JSON), further)
