"""The replicas of one service, each with its own connections and its own breaker."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from stack.gateway.breaker import Breaker, BreakerState
from stack.wire.client import Pool
from stack.wire.endpoints import Endpoint


class Replica:
    """One ready replica, the connections to it, and whether it can be trusted with a request."""

    __slots__ = ("breaker", "endpoint", "pod", "pool")

    def __init__(self, endpoint: Endpoint, breaker: Breaker) -> None:
        self.endpoint = endpoint
        self.pod = endpoint.pod
        self.pool = Pool(endpoint.address)
        self.breaker = breaker


class Replicas:
    """
    Takes turns over the ready replicas; connections to a replica that is gone end after their answer.

    Replicas whose breaker is open have no turn, but at most half of them are ever out of it: when most fail, it is not
    the replica, and sending everything to the few that are left would take them down as well.
    """

    def __init__(self, eject_after: int = 5, eject_seconds: float = 5.0) -> None:
        self._eject_after = eject_after
        self._eject_seconds = eject_seconds
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
            self._replicas[endpoint] = Replica(endpoint, Breaker(self._eject_after, self._eject_seconds))
        self._order = tuple(self._replicas[endpoint] for endpoint in sorted(wanted))
        return frozenset(endpoint.pod for endpoint in gone) - {endpoint.pod for endpoint in wanted}

    def next(self, tried: Collection[Replica], now: float) -> Replica | None:
        """
        Whose turn it is at `now` seconds; for a further attempt one not `tried`, which keeps its own turn.

        None when all were tried. Where every breaker is open, one of those replicas is better than no answer.
        """
        order, start = self._order, self._turn
        if not tried:
            self._turn += 1
        spare: Replica | None = None
        for step in range(len(order)):
            replica = order[(start + step) % len(order)]
            if replica in tried:
                continue
            if replica.breaker.allows(now):
                replica.breaker.began()
                return replica
            spare = spare or replica
        return spare

    def failed(self, replica: Replica, now: float) -> bool:
        """Count a failure of a replica; whether it is out of the turn from now on."""
        out = sum(other.breaker.state is not BreakerState.CLOSED for other in self._order if other is not replica)
        return replica.breaker.failed(now, may_open=out + 1 <= len(self._order) // 2)

    def states(self) -> dict[str, BreakerState]:
        """The state of each replica's breaker, by the name of its pod."""
        return {replica.pod: replica.breaker.state for replica in self._order}

    def close(self) -> None:
        """Let go of all connections."""
        self.update(())
