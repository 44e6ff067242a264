"""What a Deployment's status says of its rollout: counts, and the conditions Available and Progressing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lab.cluster.embedded.controllers.common import condition, parse_time
from lab.cluster.embedded.controllers.revisions import Revisions, surge_and_unavailable
from lab.cluster.embedded.store import Obj, stamp

DONE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"
COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")


def count(replica_sets: Sequence[Obj], key: str) -> int:
    """A sum over the statuses of ReplicaSets."""
    return sum(int((held.get("status") or {}).get(key, 0)) for held in replica_sets)


def wanted(replica_sets: Sequence[Obj]) -> int:
    """A sum of `spec.replicas`."""
    return sum(int(held["spec"].get("replicas", 0)) for held in replica_sets)


def is_complete(deployment: Obj, status: Obj) -> bool:
    """Whether every wanted Pod is of the present template and available, and no other is left."""
    replicas = deployment["spec"].get("replicas", 1)
    return bool(
        status.get("updatedReplicas", 0) == replicas
        and status.get("replicas", 0) == replicas
        and status.get("availableReplicas", 0) == replicas
        and status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
    )


def deployment_status(deployment: Obj, revisions: Revisions, announced: Obj | None, now: datetime) -> Obj:
    """The status; `announced` is a Progressing condition that a step of this pass set (new or found ReplicaSet)."""
    before: Obj = deployment.get("status") or {}
    everything = revisions.all
    available = count(everything, "availableReplicas")
    numbers = {
        "replicas": count(everything, "replicas"),
        "updatedReplicas": count((revisions.new,), "replicas") if revisions.new is not None else 0,
        "readyReplicas": count(everything, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted(everything) - available),
    }
    status: Obj = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        **{key: numbers[key] for key in COUNTS if numbers[key]},
    }
    progress = _progress(deployment, revisions, before, status, announced, now)
    minimum = deployment["spec"].get("replicas", 1) - surge_and_unavailable(deployment)[1]
    conditions = [_availability(before, available >= minimum, now)]
    status["conditions"] = [*conditions, progress] if progress is not None else conditions
    return status


def progressing(before: Obj, status: str, reason: str, message: str, now: datetime) -> Obj:
    """A Progressing condition that was updated now."""
    return _condition(before, "Progressing", status, reason, message, now, refresh=True)


def _availability(before: Obj, enough: bool, now: datetime) -> Obj:
    if enough:
        reason, message = "MinimumReplicasAvailable", "Deployment has minimum availability."
    else:
        reason, message = "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
    return _condition(before, "Available", "True" if enough else "False", reason, message, now, refresh=False)


def _progress(
    deployment: Obj, revisions: Revisions, before: Obj, status: Obj, announced: Obj | None, now: datetime
) -> Obj | None:
    deadline = deployment["spec"].get("progressDeadlineSeconds", 600)
    held = announced or condition(deployment, "Progressing")
    if deployment["spec"].get("paused"):
        return progressing(before, "Unknown", PAUSED, "Deployment is paused", now) if _is_not(held, PAUSED) else held
    if held is not None and held["reason"] == PAUSED:
        return progressing(before, "Unknown", RESUMED, "Deployment is resumed", now)
    if revisions.new is None:
        return held
    name = f'ReplicaSet "{revisions.new["metadata"]["name"]}"'
    settled = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    if settled and announced is None and held is not None and held["reason"] == DONE:
        return held
    if is_complete(deployment, status):
        message = f"{name} has successfully progressed."
        return progressing(before, "True", DONE, message, now)
    if _advanced(before, status):
        return progressing(before, "True", "ReplicaSetUpdated", f"{name} is progressing.", now)
    if held is None:
        return progressing(before, "True", "ReplicaSetUpdated", f"{name} is progressing.", now)
    if held["reason"] not in (TIMED_OUT, DONE) and _is_overdue(held, deadline, now):
        return progressing(before, "False", TIMED_OUT, f"{name} has timed out progressing.", now)
    return held


def _is_not(held: Obj | None, reason: str) -> bool:
    return held is None or held["reason"] != reason


def _is_overdue(held: Obj, deadline: int, now: datetime) -> bool:
    return (now - parse_time(held["lastUpdateTime"])).total_seconds() > deadline


def _advanced(before: Obj, status: Obj) -> bool:
    """More updated, ready or available Pods than at the last look, or fewer old ones."""
    old_before = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    old_now = status.get("replicas", 0) - status.get("updatedReplicas", 0)
    more = any(
        status.get(key, 0) > before.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    return more or old_now < old_before


def _condition(before: Obj, kind: str, status: str, reason: str, message: str, now: datetime, *, refresh: bool) -> Obj:
    old: Obj | None = next((c for c in before.get("conditions") or () if c["type"] == kind), None)
    changed = old is None or old["status"] != status
    same = old is not None and not changed and (old["reason"], old["message"]) == (reason, message)
    if same and not refresh and old is not None:
        return old
    since = stamp(now) if changed or old is None else old["lastTransitionTime"]
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": stamp(now),
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    }
