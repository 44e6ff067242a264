"""The replicas that requests go to, each with its own connections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stack.wire.client import Pool
from stack.wire.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class Replica:
    """One ready replica and the connections to it."""

    endpoint: Endpoint
    pool: Pool


class Replicas:
    """Takes turns over the ready replicas; connections to a replica that is gone end after their answer."""

    def __init__(self) -> None:
        self._replicas: dict[Endpoint, Replica] = {}
        self._order: tuple[Replica, ...] = ()
        self._turn = 0

    def __len__(self) -> int:
        return len(self._order)

    def update(self, endpoints: Iterable[Endpoint]) -> frozenset[str]:
        """Take `endpoints` as all there are; returns the names of the pods that are gone."""
        wanted = set(endpoints)
        gone = self._replicas.keys() - wanted
        for endpoint in gone:
            self._replicas.pop(endpoint).pool.close()
        for endpoint in wanted - self._replicas.keys():
            self._replicas[endpoint] = Replica(endpoint, Pool(endpoint.address))
        self._order = tuple(self._replicas[endpoint] for endpoint in sorted(wanted))
        return frozenset(endpoint.pod for endpoint in gone) - {endpoint.pod for endpoint in wanted}

    def next(self, tried: Mapping[Replica, None]) -> Replica | None:
        """Whose turn it is; for a second attempt one not `tried`, which keeps its own turn; None without one."""
        start = self._turn
        if not tried:
            self._turn += 1
        around = (self._order[(start + step) % len(self._order)] for step in range(len(self._order)))
        return next((replica for replica in around if replica not in tried), None)

    def close(self) -> None:
        """Let go of all connections."""
        self.update(())
