"""A store with controllers whose Pods end as the test says, pass by pass."""

from __future__ import annotations

from typing import Any

from embedded_node_bench import NAMESPACE, FakeClock

from lab.cluster.embedded.controllers import Controllers
from lab.cluster.embedded.daemon import new_store
from lab.cluster.embedded.defaults import fill
from lab.cluster.embedded.kinds import BY_RESOURCE
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj


class BatchBench:
    """Jobs and CronJobs over a stand-in for the node: Pods run until `end` tells how they end."""

    def __init__(self, settings: NodeSettings, clock: FakeClock) -> None:
        self.clock = clock
        self.store = new_store(settings, clock())
        self.store._clock = clock
        self.store.create("namespaces", {"metadata": {"name": NAMESPACE}})
        self.controllers = Controllers(self.store, clock=clock, backoff_base=10, backoff_limit=60)

    def add(self, resource: str, name: str, spec: Obj, **meta: Any) -> Obj:
        obj = {"metadata": {"name": name, "namespace": NAMESPACE, **meta}, "spec": spec}
        fill(BY_RESOURCE[resource], obj)
        return self.store.create(resource, obj)

    def add_job(self, name: str = "train", **spec: Any) -> Obj:
        return self.add("jobs", name, job_spec(**spec))

    def get(self, resource: str, name: str) -> Obj:
        found = self.store.get(resource, NAMESPACE, name)
        assert found is not None
        return found

    def job(self, name: str = "train") -> Obj:
        return self.get("jobs", name)

    def change(self, resource: str, name: str, **spec: Any) -> None:
        held = self.get(resource, name)
        self.store.update(resource, {**held, "spec": {**held["spec"], **spec}})

    def status(self, name: str = "train", *fields: str) -> Obj:
        """Some fields of a Job's status; 0 stands for what is absent."""
        found = self.job(name).get("status") or {}
        return {field: found.get(field, 0) for field in fields or ("active", "succeeded", "failed")}

    def conditions(self, name: str = "train") -> dict[str, tuple[str, str]]:
        return {c["type"]: (c["status"], c["reason"]) for c in self.job(name)["status"].get("conditions") or ()}

    def passes(self, count: int = 1, *, seconds: float = 0.0) -> None:
        """Passes of the controllers, each followed by one of the stand-in node, and by some time."""
        for _ in range(count):
            self.controllers.reconcile()
            for pod in self.pods():
                meta = pod["metadata"]
                if meta.get("deletionTimestamp"):
                    self.store.remove("pods", NAMESPACE, meta["name"])
                elif not pod["spec"].get("nodeName"):
                    bound = self.store.update("pods", {**pod, "spec": {**pod["spec"], "nodeName": "here"}})
                    self.store.update("pods", {**bound, "status": {"phase": "Running"}}, subresource="status")
            self.clock.move(seconds)

    def pods(self, phase: str = "") -> list[Obj]:
        found = self.store.list("pods", NAMESPACE)
        return [pod for pod in found if not phase or (pod.get("status") or {}).get("phase") == phase]

    def end(self, phase: str, count: int = 1) -> None:
        """End some of the Pods that run."""
        for pod in self.pods("Running")[:count]:
            self.store.update("pods", {**pod, "status": {"phase": phase}}, subresource="status")

    def reasons(self, name: str = "train") -> list[str]:
        return [e["reason"] for e in self.store.list("events") if e["involvedObject"]["name"] == name]


def job_spec(**spec: Any) -> Obj:
    pod = {"restartPolicy": spec.pop("restart", "Never"), "containers": [{"name": "main", "image": "lab/train:1"}]}
    return {"template": {"metadata": {"labels": {"app": "train"}}, "spec": pod}, **spec}
