"""Flights of a pool in a seeded random order, over and over, as a plan and a release would have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from stack.common.features import NAMES
from stack.common.transforms import Transform
from stack.data.pool import Pool, pool_names
from stack.feed.changes import Changes
from stack.feed.plan import Mix, Plan

_WEEKEND = (5, 6)
"""Saturday and Sunday; Monday is 0."""
_EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday."""


@dataclass(frozen=True, slots=True)
class Flight:
    """One flight to be scored."""

    id: str
    features: tuple[float | None, ...]
    """Twelve values in the order of `stack.common.features`; None is missing."""
    late: bool
    lag: float
    """How long its outcome takes to be known, as a multiple of the pool's median."""


def replay(pool: Pool, seed: int, steps: Sequence[Transform] = (), mix: Mix | None = None) -> Iterator[Flight]:
    """Every flight of the pool that `mix` keeps in random order, then all of them in another order, without end."""
    order = np.random.default_rng(seed)
    changes = Changes(steps, pool)
    median = float(np.median(pool.lag_seconds))
    matching = None if mix is None else matches(pool, mix)
    while True:
        for index in order.permutation(len(pool)).tolist():
            if matching is not None and mix is not None and not matching[index] and order.random() >= mix.others:
                continue
            yield _flight(pool, index, changes, median)


def in_order(pool: Pool, rows: Sequence[int], steps: Sequence[Transform], median: float) -> Iterator[Flight]:
    """These flights of a pool one after the other; `median` is the lag in seconds that counts as 1."""
    changes = Changes(steps, pool)
    for index in rows:
        yield _flight(pool, index, changes, median)


def _flight(pool: Pool, index: int, changes: Changes, median: float) -> Flight:
    values: list[float | None] = [value if value == value else None for value in pool.features[index].tolist()]
    changes.apply(index, values)
    lag = float(pool.lag_seconds[index]) / median
    return Flight(pool.ids[index], tuple(values), bool(pool.late[index]), lag)


def matches(pool: Pool, mix: Mix) -> NDArray[np.bool_]:
    """Which flights `[n]` of the pool a mix names."""
    chosen = np.ones(len(pool), dtype=np.bool_)
    if mix.origin is not None:
        chosen &= np.array(pool.origins) == mix.origin
    if mix.carrier is not None:
        chosen &= np.array(pool.carriers) == mix.carrier
    if mix.days is not None:
        weekday = (pool.pushback // 86_400 + _EPOCH_WEEKDAY) % 7
        chosen &= np.isin(weekday, _WEEKEND) == (mix.days == "weekend")
    if mix.hours is not None:
        hour = pool.features[:, NAMES.index("sched_hour")]
        chosen &= (hour >= mix.hours[0]) & (hour < mix.hours[1])
    if mix.most_miles is not None:
        chosen &= pool.features[:, NAMES.index("distance")] <= mix.most_miles
    return chosen


class Source(Iterator[Flight]):
    """The flights of a plan that may be replaced while they are taken."""

    def __init__(self, seed: int, steps: Sequence[Transform], load: Callable[[str], Pool]) -> None:
        self._seed = seed
        self._steps = tuple(steps)
        self._load = load
        self._inserted: Iterator[Flight] = iter(())
        self._flights: Iterator[Flight] = iter(())

    def prepare(self, plan: Plan) -> Callable[[], None]:
        """
        Load what a plan needs; calling the result makes it the plan from the next flight on.

        Raises:
            ValueError: there is no such pool, no flight of such a day, or nothing that the mix keeps.
        """
        pool = self._load(plan.pool)
        if plan.mix is not None and not plan.mix.others and not matches(pool, plan.mix).any():
            raise ValueError(f"no flight of the pool {plan.pool} is as mix wants it")
        median = float(np.median(pool.lag_seconds))
        inserted = [flight for day in plan.insert for flight in self._day(day, pool, median)]
        flights = replay(pool, self._seed, self._steps, plan.mix)

        def follow() -> None:
            self._inserted, self._flights = iter(inserted), flights

        return follow

    def _day(self, day: str, pool: Pool, median: float) -> list[Flight]:
        others = (self._load(name) for name in pool_names() if name != pool.name)
        for own in (pool, *others):
            rows = np.flatnonzero(own.month_day == int(day)).tolist()
            if rows:
                return list(in_order(own, rows, self._steps, median))
        raise ValueError(f"insert: no pool has flights of {day}")

    def __next__(self) -> Flight:
        flight = next(self._inserted, None)
        return next(self._flights) if flight is None else flight


_encode = msgspec.json.Encoder().encode


def request_body(flight: Flight) -> bytes:
    """The scoring request of a flight in the Open Inference Protocol: `features`, FP32, shape `[1, 12]`."""
    tensor = {"name": "features", "shape": [1, len(flight.features)], "datatype": "FP32", "data": flight.features}
    return _encode({"id": flight.id, "inputs": [tensor]})
