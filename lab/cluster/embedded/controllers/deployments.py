"""Deployments: rolling updates, recreation, undo, scaling, pausing and history, by ReplicaSets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from lab.cluster.embedded.controllers.common import condition, is_finished, is_leaving, owned_by, with_meta
from lab.cluster.embedded.controllers.events import Recorder
from lab.cluster.embedded.controllers.revisions import (
    REVISION,
    Revisions,
    find_revisions,
    new_replica_set,
    revision_annotations,
    revision_of,
    size_annotations,
    surge_and_unavailable,
)
from lab.cluster.embedded.controllers.rollout_status import (
    count,
    deployment_status,
    is_complete,
    progressing,
    wanted,
)
from lab.cluster.embedded.store import Obj, Store


class DeploymentController:
    """Moves each Deployment one step towards its spec per pass."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder

    def reconcile(self, now: datetime) -> None:
        """One pass over all Deployments."""
        for deployment in self._store.list("deployments"):
            _Step(self._store, self._recorder, deployment, now).take()


class _Step:
    """One pass over one Deployment."""

    def __init__(self, store: Store, recorder: Recorder, deployment: Obj, now: datetime) -> None:
        self._store = store
        self._recorder = recorder
        self._deployment = deployment
        self._spec: Obj = deployment["spec"]
        self._replicas: int = self._spec.get("replicas", 1)
        self._now = now
        self._revisions = find_revisions(store, deployment)
        self._announced: Obj | None = None

    def take(self) -> None:
        """Scale, roll and report."""
        if not is_leaving(self._deployment):
            if self._spec.get("paused"):
                self._scale_paused()
            elif (self._spec.get("strategy") or {}).get("type") == "Recreate":
                self._recreate()
            else:
                self._roll()
        self._report()

    def _roll(self) -> None:
        surge, unavailable = surge_and_unavailable(self._deployment)
        new = self._present(self._room(surge))
        if self._scale_new(new, surge):
            return
        self._scale_down_old(unavailable)

    def _room(self, surge: int) -> int:
        """How many Pods a fresh ReplicaSet may start with."""
        return max(0, min(self._replicas, self._replicas + surge - wanted(self._revisions.old)))

    def _scale_new(self, new: Obj, surge: int) -> bool:
        has: int = new["spec"]["replicas"]
        if has > self._replicas:
            self._scale(new, self._replicas)
            return True
        room = self._replicas + surge - wanted(self._revisions.all)
        if has < self._replicas and room > 0:
            self._scale(new, min(self._replicas, has + room))
            return True
        return False

    def _scale_down_old(self, unavailable: int) -> None:
        """First old Pods that are of no use anyway, then as many as availability allows."""
        new = self._revisions.new
        assert new is not None
        minimum = self._replicas - unavailable
        new_unavailable = new["spec"]["replicas"] - count((new,), "availableReplicas")
        spare = wanted(self._revisions.all) - minimum - new_unavailable
        for held in self._revisions.old:
            useless = held["spec"]["replicas"] - count((held,), "availableReplicas")
            gone = min(spare, max(0, useless))
            if gone > 0:
                self._scale(held, held["spec"]["replicas"] - gone)
                spare -= gone
        spare = count(self._revisions.all, "availableReplicas") - minimum
        for held in self._revisions.old:
            gone = min(spare, held["spec"]["replicas"])
            if gone > 0:
                self._scale(held, held["spec"]["replicas"] - gone)
                spare -= gone

    def _recreate(self) -> None:
        """All old Pods go, and only when the last process is gone the new ones come."""
        for held in self._revisions.old:
            if held["spec"]["replicas"]:
                self._scale(held, 0)
        old = {held["metadata"]["uid"] for held in self._revisions.old}
        pods = self._store.list("pods", self._deployment["metadata"]["namespace"])
        if any(owned_by(pod, uid) for pod in pods for uid in old if not is_finished(pod)):
            return
        new = self._present(self._replicas)
        if new["spec"]["replicas"] != self._replicas:
            self._scale(new, self._replicas)

    def _scale_paused(self) -> None:
        """A paused Deployment follows its replicas with the ReplicaSet that runs, and starts no other template."""
        active = [held for held in self._revisions.all if held["spec"]["replicas"]]
        target = active[-1] if active else self._revisions.all[-1] if self._revisions.all else None
        if target is not None:
            size = max(0, self._replicas - wanted([held for held in active if held is not target]))
            if target["spec"]["replicas"] != size:
                self._scale(target, size)

    def _present(self, size: int) -> Obj:
        """The ReplicaSet of the present template with the highest revision: found, or created with `size` Pods."""
        highest = max((revision_of(held) for held in self._revisions.old), default=0)
        held = self._revisions.new
        if held is None:
            return self._create(highest + 1, size)
        revision = max(revision_of(held), highest + 1)
        before = held["metadata"].get("annotations") or {}
        annotations = revision_annotations(self._deployment, before, revision)
        if annotations != before:
            if revision != revision_of(held):
                self._announce("FoundNewReplicaSet", f'Found new replica set "{held["metadata"]["name"]}"')
            held = self._store.update("replicasets", with_meta(held, annotations=annotations))
            self._revisions = replace(self._revisions, new=held)
        self._number(revision)
        return held

    def _create(self, revision: int, size: int) -> Obj:
        fresh = new_replica_set(self._deployment, revision, size)
        meta = fresh["metadata"]
        stray = self._store.get("replicasets", meta["namespace"], meta["name"])
        if stray is not None:  # left by an earlier Deployment of the same name; its Pods follow it
            self._store.remove("replicasets", meta["namespace"], meta["name"])
        created = self._store.create("replicasets", fresh)
        self._revisions = replace(self._revisions, new=created)
        self._announce("NewReplicaSetCreated", f'Created new replica set "{meta["name"]}"')
        self._number(revision)
        if size:
            told = f"Scaled up replica set {meta['name']} from 0 to {size}"
            self._recorder.say(self._deployment, "ScalingReplicaSet", told)
        return created

    def _number(self, revision: int) -> None:
        annotations = self._deployment["metadata"].get("annotations") or {}
        if annotations.get(REVISION) != str(revision):
            numbered = with_meta(self._deployment, annotations={**annotations, REVISION: str(revision)})
            self._deployment = self._store.update("deployments", numbered)

    def _announce(self, reason: str, message: str) -> None:
        self._announced = progressing(self._deployment.get("status") or {}, "True", reason, message, self._now)

    def _scale(self, held: Obj, size: int) -> None:
        before: int = held["spec"]["replicas"]
        annotations = {**(held["metadata"].get("annotations") or {}), **size_annotations(self._deployment)}
        changed = {**with_meta(held, annotations=annotations), "spec": {**held["spec"], "replicas": size}}
        written = self._store.update("replicasets", changed)
        self._revisions = _replaced(self._revisions, held, written)
        way = "up" if size > before else "down"
        told = f"Scaled {way} replica set {held['metadata']['name']} from {before} to {size}"
        self._recorder.say(self._deployment, "ScalingReplicaSet", told)

    def _report(self) -> None:
        status = deployment_status(self._deployment, self._revisions, self._announced, self._now)
        if status != self._deployment.get("status"):
            written = {**with_meta(self._deployment, resourceVersion=None), "status": status}
            self._store.update("deployments", written, subresource="status")
        done = condition({"status": status}, "Progressing")
        if done is not None and not self._spec.get("paused") and is_complete(self._deployment, status):
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        limit = self._spec.get("revisionHistoryLimit", 10)
        idle = sorted((held for held in self._revisions.old if _is_idle(held)), key=revision_of)
        for held in idle[: max(0, len(idle) - limit)]:
            self._store.delete("replicasets", held["metadata"]["namespace"], held["metadata"]["name"])


def _is_idle(held: Obj) -> bool:
    empty = not held["spec"]["replicas"] and not count((held,), "replicas")
    return empty and not is_leaving(held)


def _replaced(revisions: Revisions, old: Obj, new: Obj) -> Revisions:
    def swap(parts: Iterable[Obj]) -> tuple[Obj, ...]:
        return tuple(new if part is old or part["metadata"]["uid"] == old["metadata"]["uid"] else part
                     for part in parts)  # fmt: skip

    fresh = swap((revisions.new,))[0] if revisions.new is not None else None
    return Revisions(fresh, swap(revisions.old))
