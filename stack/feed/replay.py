"""Flights of a pool in a seeded random order, over and over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from stack.data.pool import Pool


@dataclass(frozen=True, slots=True)
class Flight:
    """One flight to be scored."""

    id: str
    features: tuple[float | None, ...]
    """Twelve values in the order of `stack.common.features`; None is missing."""
    late: bool
    lag: float
    """How long its outcome takes to be known, as a multiple of the pool's median."""


def replay(pool: Pool, seed: int) -> Iterator[Flight]:
    """Every flight of the pool in random order, then all of them in another order, without end."""
    order = np.random.default_rng(seed)
    median = float(np.median(pool.lag_seconds))
    while True:
        for index in order.permutation(len(pool)).tolist():
            row = pool.features[index].tolist()
            yield Flight(
                id=pool.ids[index],
                features=tuple(value if value == value else None for value in row),
                late=bool(pool.late[index]),
                lag=float(pool.lag_seconds[index]) / median,
            )


_encode = msgspec.json.Encoder().encode


def request_body(flight: Flight) -> bytes:
    """The scoring request of a flight in the Open Inference Protocol: `features`, FP32, shape `[1, 12]`."""
    tensor = {"name": "features", "shape": [1, len(flight.features)], "datatype": "FP32", "data": flight.features}
    return _encode({"id": flight.id, "inputs": [tensor]})
