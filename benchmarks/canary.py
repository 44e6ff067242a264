"""
How sure and how quick the gateway's judge is: false alarms of equal canaries, and how soon a worse one is reverted.

    python -m benchmarks.canary [--runs 200] [--seconds 900]

Everything is simulated with the gateway's own judge at its defaults: 40 requests a second, a tenth of them to the
canary, real flights of October scored by the champion, outcomes known with their real delay. Times are what a run of
the stack would show; nothing waits.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stack.common.features import NAMES
from stack.data.pool import load_pool
from stack.gateway.judge import Judge
from stack.gateway.routes import Margins, Rollback
from stack.model_server.scorer import Scorer
from stack.registry.versions import resolve

RATE, SHARE = 40, 0.1
MEDIAN_DELAY_REQUESTS = 160
"""Requests within which half of all outcomes are known, as the feed has it."""
BASE_ERRORS, BASE_SLOW, BASE_SECONDS = 0.002, 0.005, 0.02
STABLE, CANARY = "stable", "canary"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Flights:
    """Real flights of October: what the champion said of each, what became of it, and how long that took."""

    probability: Floats
    late: NDArray[np.bool_]
    delay: Floats
    """In requests."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one side answers."""

    errors: float = BASE_ERRORS
    slow: float = BASE_SLOW
    added_seconds: float = 0.0
    added_share: float = 0.0


def play(
    judge: Judge, flights: Flights, worse: Floats, behaviour: Behaviour, requests: int, dice: random.Random
) -> int | None:
    """Requests until the judge decides; None when it never does."""
    due: list[tuple[float, str, float, bool]] = []
    for number in range(1, requests + 1):
        service = CANARY if dice.random() < SHARE else STABLE
        how = behaviour if service == CANARY else Behaviour()
        error = dice.random() < how.errors
        seconds = 0.4 if dice.random() < how.slow else BASE_SECONDS
        seconds += how.added_seconds if dice.random() < how.added_share else 0.0
        judge.attempted(service, error=error, seconds=seconds)
        if not error:
            flight = dice.randrange(len(flights.late))
            said = worse if service == CANARY else flights.probability
            item = (number + float(flights.delay[flight]), service, float(said[flight]), bool(flights.late[flight]))
            heapq.heappush(due, item)
        while due and due[0][0] <= number:
            _, who, probability, late = heapq.heappop(due)
            judge.known(who, probability, late)
        if judge.verdict is not None:
            return number
    return None


def october() -> tuple[Flights, Callable[[Sequence[str], float], Floats]]:
    """The flights, and what the champion says of them with some features multiplied, as a bug upstream would do."""
    pool, champion = load_pool("calm"), Scorer.load(resolve("champion"))

    def scored(names: Sequence[str], factor: float) -> Floats:
        features = pool.features.copy()
        for name in names:
            features[:, NAMES.index(name)] *= factor
        return np.asarray(champion.score(features), dtype=np.float64)

    delay = pool.lag_seconds / np.median(pool.lag_seconds) * MEDIAN_DELAY_REQUESTS
    return Flights(scored((), 1.0), pool.late, delay), scored


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="runs of equal canaries")
    parser.add_argument("--seconds", type=int, default=900, help="how long each run lasts at most, simulated")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    flights, scored = october()
    brier = float(np.mean((flights.probability - flights.late) ** 2))
    requests = arguments.seconds * RATE
    for title, rollback in (
        ("as it comes", Rollback(enabled=True)),
        ("no margins, 5 %", Rollback(enabled=True, false_alarms=0.05, margins=Margins(0.0, 0.0, 0.0))),
    ):
        alarms = 0
        for run in range(arguments.runs):
            judge = Judge(CANARY, STABLE, SHARE, rollback)
            dice = random.Random(f"{arguments.seed}:{run}")
            alarms += play(judge, flights, flights.probability, Behaviour(), requests, dice) is not None
        print(f"equal, {title}: {alarms} of {arguments.runs} reverted; promised: {rollback.false_alarms:.0%} at most")
    print(f"\n{'canary':<44} {'reverted':>9} {'median':>8} {'90 %':>8}  requests (seconds at {RATE}/s), worse in")
    same = flights.probability
    cases: list[tuple[str, Floats, Behaviour]] = [
        ("+5 points of errors", same, Behaviour(errors=BASE_ERRORS + 0.05)),
        ("+2 points of errors", same, Behaviour(errors=BASE_ERRORS + 0.02)),
        ("+300 ms on 10 %", same, Behaviour(added_seconds=0.3, added_share=0.1)),
        ("+300 ms on 3 %", same, Behaviour(added_seconds=0.3, added_share=0.03)),
    ]
    for what, names, factor in (
        ("distance in kilometres", ("distance",), 1.609),
        ("inbound gain with its sign turned", ("r_gain",), -1.0),
        ("inbound gain lost", ("r_gain",), 0.0),
    ):
        model = scored(names, factor)
        loss = float(np.mean((model - flights.late) ** 2))
        cases.append((f"{what} (Brier {loss:.3f}, not {brier:.3f})", model, Behaviour()))
    for title, model, behaviour in cases:
        report(title, flights, model, behaviour, requests, arguments.seed)


def report(title: str, flights: Flights, model: Floats, behaviour: Behaviour, requests: int, seed: int) -> None:
    """One row of the table, over 40 runs."""
    found: list[int] = []
    worse: set[str] = set()
    for run in range(40):
        judge = Judge(CANARY, STABLE, SHARE, Rollback(enabled=True))
        after = play(judge, flights, model, behaviour, requests, random.Random(f"{seed}:{title}:{run}"))
        if after is not None:
            found.append(after)
            worse.add(str(judge.verdict))
    if not found:
        print(f"{title:<44} {'0 of 40':>9}")
        return
    ordered = sorted(found)
    middle, high = int(statistics.median(ordered)), ordered[int(0.9 * (len(ordered) - 1))]
    times = f"({middle / RATE:.0f} s, {high / RATE:.0f} s), {', '.join(sorted(worse))}"
    print(f"{title:<44} {f'{len(found)} of 40':>9} {middle:>8} {high:>8}  {times}")


if __name__ == "__main__":
    main()
