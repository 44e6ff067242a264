"""A Deployment under an autoscaler, over Pods whose use the test sets, look by look."""

from __future__ import annotations

from typing import Any

from embedded_node_bench import NAMESPACE, FakeClock

from lab.cluster.embedded.controllers import Controllers
from lab.cluster.embedded.daemon import new_store
from lab.cluster.embedded.defaults import fill
from lab.cluster.embedded.kinds import BY_RESOURCE
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, stamp
from lab.cluster.embedded.usage import ContainerUsage

SCALERS = "horizontalpodautoscalers"
REQUEST = {"requests": {"cpu": "100m", "memory": "100Mi"}}
SYNC = 15


class ScaleBench:
    """Every Pod becomes ready at once; `load` is shared by all that run."""

    def __init__(self, settings: NodeSettings, clock: FakeClock) -> None:
        self.clock = clock
        self.store = new_store(settings, clock())
        self.store._clock = clock
        self.store.create("namespaces", {"metadata": {"name": NAMESPACE}})
        self.controllers = Controllers(self.store, clock=clock, source=self)
        self.load = 0.0
        """Cores, over all Pods together."""
        self.memory_bytes = 50 * 2**20
        """Of each Pod."""
        self.silent: set[str] = set()
        """Names of Pods without metrics."""
        self.hold_back = False
        """New Pods do not become ready."""

    def usage(self, pod_uid: str, container: str) -> ContainerUsage | None:
        running = [pod for pod in self.pods() if is_ready(pod)]
        (pod,) = [pod for pod in self.pods() if pod["metadata"]["uid"] == pod_uid]
        if pod["metadata"]["name"] in self.silent or not pod["spec"].get("nodeName"):
            return None
        return ContainerUsage(self.load / max(1, len(running)), self.memory_bytes)

    def deploy(self, replicas: int = 2, resources: Obj | None = None) -> None:
        container = {"name": "main", "image": "lab/web:1", "resources": REQUEST if resources is None else resources}
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        self._create("deployments", "web", spec)
        self.settle()
        self.clock.move(400)  # what a Pod uses at its start does not count

    def autoscale(self, *, minimum: int = 1, maximum: int = 10, **spec: Any) -> None:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec.pop("target", "web")}
        self._create(SCALERS, "web", {"scaleTargetRef": target, "minReplicas": minimum, "maxReplicas": maximum, **spec})

    def look(self, times: int = 1) -> int:
        """So many looks of the autoscaler, each followed by what it caused; returns the replicas."""
        for _ in range(times):
            self.settle()
            self.clock.move(SYNC)
        return self.replicas

    def settle(self) -> None:
        for _ in range(6):
            self.controllers.reconcile()
            for pod in self.pods():
                meta = pod["metadata"]
                if meta.get("deletionTimestamp"):
                    self.store.remove("pods", NAMESPACE, meta["name"])
                elif not pod["spec"].get("nodeName"):
                    bound = self.store.update("pods", {**pod, "spec": {**pod["spec"], "nodeName": "here"}})
                    self._start(bound)

    @property
    def replicas(self) -> int:
        found = self.store.get("deployments", NAMESPACE, "web")
        assert found is not None
        return int(found["spec"]["replicas"])

    @property
    def scaler(self) -> Obj:
        found = self.store.get(SCALERS, NAMESPACE, "web")
        assert found is not None
        return found

    def condition(self, kind: str) -> tuple[str, str, str]:
        (found,) = [c for c in self.scaler["status"]["conditions"] if c["type"] == kind]
        return found["status"], found["reason"], found["message"]

    def told(self, reason: str) -> list[str]:
        return [event["message"] for event in self.store.list("events") if event["reason"] == reason]

    def pods(self) -> list[Obj]:
        return self.store.list("pods", NAMESPACE)

    def _start(self, pod: Obj) -> None:
        now = stamp(self.clock())
        ready = {"type": "Ready", "status": "False" if self.hold_back else "True", "lastTransitionTime": now}
        status = {"phase": "Running", "startTime": now, "conditions": [ready]}
        self.store.update("pods", {**pod, "status": status}, subresource="status")

    def _create(self, resource: str, name: str, spec: Obj) -> None:
        obj = {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}
        fill(BY_RESOURCE[resource], obj)
        self.store.create(resource, obj)


def is_ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
