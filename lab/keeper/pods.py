"""Pods that somebody deleted by hand, told from those that their controllers or nodes took away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lab.cluster.client import Cluster

_DISRUPTED = "DisruptionTarget"
"""The condition that Kubernetes sets on a pod before it evicts, preempts or collects it."""


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods of ReplicaSets at one moment."""

    live: Mapping[str, str] = field(default_factory=dict)
    """Name of each pod that is not on its way out, to the uid of its ReplicaSet."""
    disrupted: frozenset[str] = frozenset()
    """Names of pods that the cluster itself takes away."""
    wanted: Mapping[str, int] = field(default_factory=dict)
    """uid of each ReplicaSet to the replicas that it is to have."""


def look_at_pods(cluster: Cluster) -> Pods:
    """
    The pods as they are now.

    ReplicaSets are read after pods: one that shrank first and then lost a pod is seen as shrunk.
    """
    live: dict[str, str] = {}
    disrupted: set[str] = set()
    for pod in cluster.list("Pod"):
        meta = pod["metadata"]
        owner = next((one["uid"] for one in meta.get("ownerReferences", []) if one["kind"] == "ReplicaSet"), None)
        if any(one.get("type") == _DISRUPTED for one in pod.get("status", {}).get("conditions", [])):
            disrupted.add(str(meta["name"]))
        if owner is not None and not meta.get("deletionTimestamp"):
            live[str(meta["name"])] = str(owner)
    wanted = {str(one["metadata"]["uid"]): int(one["spec"].get("replicas", 1)) for one in cluster.list("ReplicaSet")}
    return Pods(live, frozenset(disrupted), wanted)


def deleted_by_hand(before: Pods, now: Pods) -> Iterator[str]:
    """
    Names of pods that went between two looks though their ReplicaSet was to keep as many as it had.

    A controller deletes a pod only where there are more than it is to have: by a scale-down, a roll-out, or because it
    goes itself. As many as that explains are its doing, and the rest were deleted by somebody.
    """
    for owner in sorted(set(before.live.values())):
        had = sorted(name for name, of in before.live.items() if of == owner)
        gone = [name for name in had if name not in now.live]
        too_many = max(0, len(had) - now.wanted.get(owner, 0))
        yield from [name for name in gone if name not in now.disrupted][too_many:]
