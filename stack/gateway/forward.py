"""Sends a request to a replica, at a second one where the first cannot be reached, and reads what came back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec

from stack.gateway.metrics import UNKNOWN_VERSION, GatewayMetrics
from stack.gateway.replicas import Replica, Replicas
from stack.gateway.ring import PredictionRing
from stack.wire.client import Answer, BrokenAnswer, NoAnswer
from stack.wire.server import JSON, Request, Response, error_response

MOST_ATTEMPTS = 2


class Tensor(msgspec.Struct):
    """A tensor of the Open Inference Protocol, as far as the gateway reads it."""

    name: str
    data: list[float]


class Inference(msgspec.Struct):
    """An answer of the Open Inference Protocol, as far as the gateway reads it."""

    outputs: list[Tensor]
    model_version: str = UNKNOWN_VERSION
    id: str = ""


_decode = msgspec.json.Decoder(Inference).decode


@dataclass(frozen=True, slots=True)
class _Attempt:
    answer: Answer
    replica: str


class Forwarder:
    """Passes requests on; retries once, at another replica, and only where not a byte of an answer came."""

    def __init__(self, replicas: Replicas, metrics: GatewayMetrics, ring: PredictionRing) -> None:
        self._replicas = replicas
        self._metrics = metrics
        self._ring = ring

    async def forward(self, request: Request) -> Response:
        """The answer of a replica, as it came; 503 without replicas, 502 where none gave a whole answer."""
        tried: dict[Replica, None] = {}
        reason = "no replica is ready"
        while len(tried) < MOST_ATTEMPTS:
            replica = self._replicas.next(tried)
            if replica is None:
                break
            tried[replica] = None
            try:
                answer = await self._attempt(replica, request)
            except NoAnswer:
                reason = f"replica {replica.endpoint.pod} cannot be reached"
                continue
            except BrokenAnswer:
                return error_response(502, f"the answer of replica {replica.endpoint.pod} broke off")
            return Response(answer.status, answer.body, answer.headers.get("content-type", JSON))
        return error_response(502 if tried else 503, reason)

    async def _attempt(self, replica: Replica, request: Request) -> Answer:
        """
        One answer, counted, and logged when it is a prediction.

        Raises:
            NoAnswer, BrokenAnswer: as the connections do.
        """
        clock = asyncio.get_running_loop().time
        pod, began, code = replica.endpoint.pod, clock(), "deadline"
        try:
            answer = await replica.pool.ask(request.method, request.path, request.body)
            code = str(answer.status)
        except NoAnswer:
            code = "unreachable"
            raise
        except BrokenAnswer:
            code = "broken"
            raise
        finally:
            if not code.isdecimal():
                self._metrics.attempt(pod, UNKNOWN_VERSION, code, None)
        version = self._record(answer, pod) if answer.status == 200 else UNKNOWN_VERSION
        self._metrics.attempt(pod, version, code, clock() - began)
        return answer

    def _record(self, answer: Answer, pod: str) -> str:
        """Log the predictions of an answer; returns the version that gave them."""
        try:
            inference = _decode(answer.body)
        except msgspec.DecodeError:
            return UNKNOWN_VERSION
        for tensor in inference.outputs:
            if tensor.name == "probability":
                single = len(tensor.data) == 1
                for row, probability in enumerate(tensor.data):
                    name = inference.id if single else f"{inference.id}/{row}"
                    self._ring.add(name, probability, inference.model_version, pod)
        return inference.model_version
