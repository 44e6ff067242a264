"""Putting the furniture into a namespace, and waiting until pods can be made there."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Event

from lab.cluster.apply import apply
from lab.cluster.client import Cluster, Object
from lab.errors import ClusterError, ClusterTimeout, ClusterUnavailable

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Refusal:
    """One object that the cluster did not take."""

    kind: str
    name: str
    why: str


def furnish(cluster: Cluster, objects: Iterable[Object]) -> tuple[Refusal, ...]:
    """
    Apply each object, and return those that the cluster refused, as it does where an account may not write them.

    Raises:
        ClusterUnavailable: the cluster does not answer.
    """
    refused: list[Refusal] = []
    for item in objects:
        try:
            apply(cluster, item)
        except ClusterUnavailable:
            raise
        except ClusterError as error:
            refused.append(Refusal(str(item["kind"]), str(item["metadata"]["name"]), error.message))
    return tuple(refused)


def await_account(cluster: Cluster, seconds: float = 20.0) -> None:
    """
    Wait until the namespace has its default service account and the cluster's certificate: before, no pod starts.

    Raises:
        ClusterTimeout: they did not come.
    """
    end, pause = time.monotonic() + seconds, Event()
    while cluster.find("ServiceAccount", "default") is None or cluster.find("ConfigMap", "kube-root-ca.crt") is None:
        if time.monotonic() > end:
            raise ClusterTimeout(
                "The namespace is not usable",
                f"{cluster.namespace} got no service account within {seconds:.0f} s.",
                "Look at the controllers of the cluster: kubectl get pods --namespace kube-system.",
            )
        pause.wait(_POLL_SECONDS)
