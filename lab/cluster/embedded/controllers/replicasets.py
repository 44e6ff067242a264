"""ReplicaSets: as many Pods as asked for, the least useful ones going first."""

from __future__ import annotations

import copy
from datetime import datetime

from lab.cluster.embedded.controllers.common import (
    condition,
    controller_reference,
    is_available,
    is_finished,
    is_leaving,
    is_ready,
    owned_by,
    owner_of,
    parse_time,
    selects,
    with_meta,
)
from lab.cluster.embedded.controllers.events import Recorder
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import NAME_LIMIT, Obj, Store


class ReplicaSetController:
    """Makes the number of Pods of each ReplicaSet its `spec.replicas`, and reports what there is."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder

    def reconcile(self, now: datetime) -> None:
        """One pass over all ReplicaSets."""
        for replica_set in self._store.list("replicasets"):
            self._claim(replica_set)
            if not is_leaving(replica_set):
                self._scale(replica_set, now)
            self._report(replica_set, now)

    def _claim(self, replica_set: Obj) -> None:
        """Adopt Pods without a controller that the selector takes, and let go of those it no longer takes."""
        meta, selector = replica_set["metadata"], replica_set["spec"].get("selector")
        for pod in self._store.list("pods", meta["namespace"]):
            taken = selects(selector, pod["metadata"].get("labels"))
            references = pod["metadata"].get("ownerReferences") or []
            if owned_by(pod, meta["uid"]) and not taken:
                left = [reference for reference in references if reference["uid"] != meta["uid"]]
                self._store.update("pods", with_meta(pod, ownerReferences=left or None))
            elif taken and owner_of(pod) is None and not is_leaving(pod) and not is_leaving(replica_set):
                adopted = [*references, controller_reference(replica_set)]
                self._store.update("pods", with_meta(pod, ownerReferences=adopted))

    def _scale(self, replica_set: Obj, now: datetime) -> None:
        pods = self._active(replica_set)
        missing = replica_set["spec"].get("replicas", 1) - len(pods)
        for _ in range(missing):
            if not self._create_pod(replica_set):
                return
        if missing < 0:
            for pod in sorted(pods, key=lambda pod: _usefulness(pod, now))[:-missing]:
                meta = pod["metadata"]
                self._store.delete("pods", meta["namespace"], meta["name"], uid=meta["uid"])
                self._recorder.say(replica_set, "SuccessfulDelete", f"Deleted pod: {meta['name']}")

    def _create_pod(self, replica_set: Obj) -> bool:
        meta, template = replica_set["metadata"], copy.deepcopy(replica_set["spec"]["template"])
        pod_meta = {
            key: value for key, value in (template.get("metadata") or {}).items() if key in ("labels", "annotations")
        }
        prefix = f"{meta['name']}-"[:NAME_LIMIT]
        pod_meta.update(
            namespace=meta["namespace"], generateName=prefix, ownerReferences=[controller_reference(replica_set)]
        )
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": pod_meta, "spec": template["spec"]}
        pod["status"] = {"phase": "Pending"}
        try:
            created = self._store.create("pods", pod)
        except StatusError as error:
            self._recorder.say(replica_set, "FailedCreate", f"Error creating: {error.message}", kind="Warning")
            return False
        self._recorder.say(replica_set, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")
        return True

    def _active(self, replica_set: Obj) -> list[Obj]:
        meta = replica_set["metadata"]
        return [
            pod
            for pod in self._store.list("pods", meta["namespace"])
            if owned_by(pod, meta["uid"]) and not is_leaving(pod) and not is_finished(pod)
        ]

    def _report(self, replica_set: Obj, now: datetime) -> None:
        spec, pods = replica_set["spec"], self._active(replica_set)
        labels = (spec["template"].get("metadata") or {}).get("labels") or {}
        available = sum(is_available(pod, spec.get("minReadySeconds", 0), now) for pod in pods)
        counts = {
            "fullyLabeledReplicas": sum(labels.items() <= (p["metadata"].get("labels") or {}).items() for p in pods),
            "readyReplicas": sum(is_ready(pod) for pod in pods),
            "availableReplicas": available,
        }
        status: Obj = {
            "replicas": len(pods),
            **{key: count for key, count in counts.items() if count},
            "observedGeneration": replica_set["metadata"].get("generation", 1),
        }
        if status != replica_set.get("status"):
            self._store.update("replicasets", {**with_meta(replica_set, resourceVersion=None), "status": status},
                               subresource="status")  # fmt: skip


def _usefulness(pod: Obj, now: datetime) -> tuple[int, int, int, float, int, float]:
    """Ascending order of worth: unbound, pending, not ready, shortly ready, often restarted, young."""
    status = pod.get("status") or {}
    phase_worth = {"Pending": 0, "Unknown": 1, "Running": 2}.get(status.get("phase", "Pending"), 0)
    ready = condition(pod, "Ready")
    is_now_ready = ready is not None and ready["status"] == "True"
    ready_for = (now - parse_time(ready["lastTransitionTime"])).total_seconds() if ready and is_now_ready else 0.0
    restarts = sum(entry["restartCount"] for entry in status.get("containerStatuses") or ())
    age = (now - parse_time(pod["metadata"]["creationTimestamp"])).total_seconds()
    return int(bool(pod["spec"].get("nodeName"))), phase_worth, int(is_now_ready), ready_for, -restarts, age
