"""Joins what the two sides of a comparison predicted with what became of the flights, as the feed tells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from stack.gateway.judge import Judge
from stack.wire.pages import TruthPage

CAPACITY = 20_000
"""Predictions that wait for their outcome; older ones are given up."""


class _Waiting(msgspec.Struct, frozen=True):
    service: str
    probability: float
    judges: Sequence[Judge]


_decode = msgspec.json.Decoder(TruthPage).decode


class Outcomes:
    """
    Holds predictions of requests that were drawn for a comparison until their outcome is known; each is used once.

    A flight that is scored again before its outcome came counts with its newest prediction.
    """

    def __init__(self, decided: Callable[[], None]) -> None:
        """`decided` is called when an outcome has shown that a canary is worse."""
        self._decided = decided
        self._waiting: dict[str, _Waiting] = {}

    def predicted(self, flight: str, service: str, probability: float, judges: Sequence[Judge]) -> None:
        """Take a prediction of a request that `judges` compare."""
        self._waiting[flight] = _Waiting(service, probability, judges)
        if len(self._waiting) > CAPACITY:
            del self._waiting[next(iter(self._waiting))]

    def take(self, body: bytes) -> int:
        """
        Take a page of the feed's log; returns the number of its newest outcome.

        Raises:
            ValueError: it is no such page.
        """
        page = _decode(body)
        decided = False
        for truth in page.truths:
            waiting = self._waiting.pop(truth.id, None)
            if waiting is None:
                continue
            for judge in waiting.judges:
                judge.known(waiting.service, waiting.probability, bool(truth.late))
                decided |= judge.verdict is not None
        if decided:
            self._decided()
        return page.last
