"""One service that requests can go to: its replicas, and the revisions of it that get none any more."""

from __future__ import annotations

from dataclasses import dataclass

from stack.gateway.judge import Metric
from stack.gateway.replicas import Replicas
from stack.gateway.settings import GatewaySettings
from stack.wire.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class Reverted:
    """That a revision was taken out, and why."""

    metric: Metric
    at: float
    """Seconds since 1970."""


def revision_of(endpoint: Endpoint) -> str:
    """The revision of a replica: the ReplicaSet in its pod's name, which names the template, and its image's tag."""
    return f"{endpoint.pod.rpartition('-')[0]}@{endpoint.release}"


class Track:
    """The replicas of one service without those of reverted revisions."""

    def __init__(self, service: str, settings: GatewaySettings) -> None:
        self.service = service
        self.replicas = Replicas(settings.eject_after, settings.eject_seconds)
        self.reverted: dict[str, Reverted] = {}
        self._endpoints: tuple[Endpoint, ...] = ()

    @property
    def revisions(self) -> frozenset[str]:
        """The revisions that requests go to."""
        return frozenset(map(revision_of, self._endpoints)) - self.reverted.keys()

    @property
    def out(self) -> bool:
        """Whether all that there is of it was reverted."""
        return bool(self._endpoints) and not self.revisions

    def update(self, endpoints: tuple[Endpoint, ...]) -> frozenset[str]:
        """Take `endpoints` as all there are; returns the names of the pods that requests no longer go to."""
        self._endpoints = endpoints
        return self.replicas.update(item for item in endpoints if revision_of(item) not in self.reverted)

    def revert(self, why: Reverted) -> frozenset[str]:
        """Take every revision that gets requests out; returns the names of their pods."""
        self.reverted |= dict.fromkeys(self.revisions, why)
        return self.update(self._endpoints)

    def forgive(self) -> frozenset[str]:
        """Let all revisions take requests again."""
        self.reverted.clear()
        return self.update(self._endpoints)
