"""The judge keeps its promise on false alarms, and finds what is worse."""

from __future__ import annotations

import math
import random

import pytest

from stack.gateway.judge import Judge
from stack.gateway.routes import Margins, Rollback
from stack.gateway.sequential import Evidence, ExpectedLoss

CANARY, STABLE = "canary", "stable"


def crossed(seed: int, alpha: float, rate: float, canary_rate: float, requests: int, margin: float = 0.0) -> int | None:
    """Requests until the evidence reaches `1 / alpha`, with a tenth of them to the canary."""
    dice = random.Random(seed)
    evidence, limit = Evidence(0.1, margin), math.log(1 / alpha)
    for number in range(1, requests + 1):
        canary = dice.random() < 0.1
        loss = dice.random() < (canary_rate if canary else rate)
        evidence.add(canary, float(loss))
        if evidence.peak >= limit:
            return number
    return None


def test_equal_canaries_are_blamed_no_more_often_than_promised() -> None:
    """200 runs of 3,000 requests, looked at after each: at 5 %, 10 are allowed on average, 18 with 1 % bad luck."""
    alarms = [crossed(seed, alpha=0.05, rate=0.03, canary_rate=0.03, requests=3000) for seed in range(200)]
    assert sum(alarm is not None for alarm in alarms) <= 10


def test_losses_that_come_and_go_for_both_sides_are_no_evidence() -> None:
    """A storm hits the same share of both; only who is hit, never how many, speaks against the canary."""
    alarms = 0
    for seed in range(100):
        dice, evidence = random.Random(seed), Evidence(0.1)
        for number in range(2000):
            storm = 0.5 if number // 200 % 2 else 0.01
            evidence.add(dice.random() < 0.1, float(dice.random() < storm))
        alarms += evidence.peak >= math.log(1 / 0.05)
    assert alarms <= 5


def test_squared_errors_are_judged_beside_what_was_expected() -> None:
    alarms, found = 0, 0
    for seed in range(25):
        dice = random.Random(seed)
        fair, unfair, expected = Evidence(0.1), Evidence(0.1), ExpectedLoss()
        for _ in range(2500):
            canary, late = dice.random() < 0.1, dice.random() < 0.2
            loss = min(1.0, max(0.0, dice.gauss(0.4 if late else 0.05, 0.1)))
            fair.add(canary, loss, expected.of(late))
            unfair.add(canary, min(1.0, loss + 0.08 * canary), expected.of(late))
            expected.learn(late, loss)
        alarms += fair.peak >= math.log(1 / 0.05)
        found += unfair.peak >= math.log(1 / 0.05)
    assert alarms <= 2
    assert found == 25


def test_a_canary_within_the_margin_is_left_alone_and_one_beyond_it_is_found() -> None:
    within = [crossed(seed, 0.05, rate=0.01, canary_rate=0.02, requests=3000, margin=0.02) for seed in range(50)]
    beyond = [crossed(seed, 0.01, rate=0.002, canary_rate=0.052, requests=8000, margin=0.005) for seed in range(50)]
    assert sum(one is not None for one in within) <= 2
    assert None not in beyond
    assert sorted(one or 0 for one in beyond)[25] < 2500


def test_wealth_never_goes_below_nothing_or_beyond_numbers() -> None:
    for share in (0.01, 0.5, 0.99):
        evidence = Evidence(share, margin=1.0)
        for number in range(3000):
            evidence.add(number % 2 == 0, float(number % 3 == 0), expected=number % 5 / 4)
        assert math.isfinite(evidence.now)
        assert evidence.peak >= 0
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            Evidence(share)


def test_the_judge_says_what_is_worse_and_not_before_it_has_seen_enough() -> None:
    for metric in ("errors", "slow", "quality"):
        judge = Judge(CANARY, STABLE, 0.5, Rollback(enabled=True, least_requests=50))
        seen = 0
        for number in range(2000):
            canary = number % 2 == 0
            worse = canary and number % 4 == 0
            seen += canary
            judge.attempted(
                CANARY if canary else STABLE,
                error=worse and metric == "errors",
                seconds=0.4 if worse and metric == "slow" else 0.01,
            )
            judge.known(CANARY if canary else STABLE, 0.8 if worse and metric == "quality" else 0.1, late=False)
            judge.attempted("another-canary", error=True, seconds=9.0)
            if judge.verdict is not None:
                break
        assert judge.verdict == metric
        assert seen >= 50
        assert judge.progress()[judge.verdict] >= 1
        assert judge.summary()["canary"]["requests"] == seen


def test_margins_bound_what_counts_as_worse() -> None:
    generous = Rollback(enabled=True, margins=Margins(errors=0.2))
    judge = Judge(CANARY, STABLE, 0.5, generous)
    for number in range(2000):
        judge.attempted(CANARY if number % 2 else STABLE, error=number % 20 == 1, seconds=0.01)
    assert judge.verdict is None
