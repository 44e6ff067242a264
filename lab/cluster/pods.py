"""Pods on their way out: which of them are over, and letting those go."""

from __future__ import annotations

from lab.cluster.client import Cluster, Object


def remove_ended(cluster: Cluster, selector: str = "") -> bool:
    """
    Delete for good those ending pods that run nothing any more; whether there was any ending pod.

    What a node still tidies up after the last container, its volumes and control groups, can take half a minute.
    """
    ending = [pod for pod in cluster.list("Pod", selector) if pod["metadata"].get("deletionTimestamp")]
    for pod in ending:
        if _is_over(pod):
            cluster.delete("Pod", str(pod["metadata"]["name"]), grace_seconds=0)
    return bool(ending)


def _is_over(pod: Object) -> bool:
    """Whether every container of the pod was started and has terminated."""
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return bool(statuses) and all("terminated" in status.get("state", {}) for status in statuses)
