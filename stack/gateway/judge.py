"""Compares one canary with the route that it is to replace, and says as soon as it is worse."""

from __future__ import annotations

import math
from typing import Literal, get_args

import msgspec

from stack.gateway.routes import Rollback
from stack.gateway.sequential import Evidence, ExpectedLoss

Metric = Literal["errors", "slow", "quality"]
METRICS: tuple[Metric, ...] = get_args(Metric)


class Arm(msgspec.Struct):
    """What one side of the comparison did."""

    requests: int = 0
    errors: int = 0
    slow: int = 0
    labelled: int = 0
    """Predictions whose outcome is known."""
    squared_error: float = 0.0
    """Sum over those of the squared difference of probability and outcome."""

    def summary(self) -> dict[str, float | int | None]:
        """Counts and shares, for people."""
        brier = round(self.squared_error / self.labelled, 4) if self.labelled else None
        return {
            "requests": self.requests,
            "errors": self.errors,
            "slow": self.slow,
            "labelled": self.labelled,
            "brier": brier,
        }


class Judge:
    """
    Holds three bets that a canary is worse, one each on errors, slow requests and squared errors.

    Each may claim a third of the false alarms (Bonferroni), so that the bound holds for all three together.
    """

    def __init__(self, service: str, primary: str, share: float, rollback: Rollback) -> None:
        """`share` is the probability that a request of the two routes goes to the canary, `service`."""
        self.service = service
        self._primary_service = primary
        self._rollback = rollback
        self._limit = math.log(len(METRICS) / rollback.false_alarms)
        margins = rollback.margins
        self._errors = Evidence(share, margins.errors)
        self._slow = Evidence(share, margins.slow)
        self._quality = Evidence(share, margins.quality)
        self._expected = ExpectedLoss()
        self._canary = Arm()
        self._primary = Arm()
        self.verdict: Metric | None = None
        """What the canary is worse in; stays once it is found."""

    def attempted(self, service: str, *, error: bool, seconds: float) -> None:
        """Take how the first attempt of a request at `service` ended; what other services do is no matter here."""
        canary = service == self.service
        if not canary and service != self._primary_service:
            return
        slow = seconds * 1000 > self._rollback.slow_ms
        arm = self._canary if canary else self._primary
        arm.requests += 1
        arm.errors += error
        arm.slow += slow
        self._errors.add(canary, float(error))
        self._slow.add(canary, float(slow))
        self._decide()

    def known(self, service: str, probability: float, late: bool) -> None:
        """Take the outcome of a flight that `service` had scored."""
        canary = service == self.service
        if not canary and service != self._primary_service:
            return
        loss = min(1.0, (probability - late) ** 2)
        arm = self._canary if canary else self._primary
        arm.labelled += 1
        arm.squared_error += loss
        self._quality.add(canary, loss, self._expected.of(late))
        self._expected.learn(late, loss)
        self._decide()

    def progress(self) -> dict[Metric, float]:
        """How far the evidence of each metric has come, in logarithms: at 1 the canary is reverted."""
        bets = (self._errors, self._slow, self._quality)
        return {metric: bet.peak / self._limit for metric, bet in zip(METRICS, bets, strict=True)}

    def summary(self) -> dict[str, dict[str, float | int | None]]:
        """What both sides did, for people."""
        return {"canary": self._canary.summary(), "primary": self._primary.summary()}

    def _decide(self) -> None:
        if self.verdict is None and self._canary.requests >= self._rollback.least_requests:
            self.verdict = next((metric for metric, done in self.progress().items() if done >= 1.0), None)
