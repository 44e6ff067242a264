"""The status of a Pod, worked out from the states of its containers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from lab.cluster.embedded.defaults import quality_class
from lab.cluster.embedded.store import Obj, stamp

HOST_ADDRESS = "127.0.0.1"


@dataclass(slots=True)
class ContainerState:
    """What is known of one container; `state` and `last_state` are as the API shows them."""

    name: str
    image: str
    state: Obj
    last_state: Obj = field(default_factory=dict)
    image_id: str = ""
    container_id: str = ""
    restart_count: int = 0
    ready: bool = False
    started: bool = False
    has_run: bool = False
    resources: Obj = field(default_factory=dict)
    """Requests and limits in force: those of the spec, as nothing resizes a running container here."""

    @classmethod
    def before(cls, container: Obj) -> ContainerState:
        """A container that nothing has happened to."""
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        return cls(container["name"], container["image"], waiting, resources=container.get("resources") or {})

    def shown(self) -> Obj:
        """The entry of `containerStatuses`."""
        found: Obj = {
            "name": self.name,
            "image": self.image,
            "imageID": self.image_id,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restart_count,
            "state": self.state,
            "lastState": self.last_state,
        }
        if self.resources:
            found["resources"] = self.resources
        if self.resources.get("requests"):
            found["allocatedResources"] = self.resources["requests"]
        if self.container_id:
            found["containerID"] = self.container_id
        return found


def phase_of(states: list[ContainerState], restart_policy: str) -> str:
    """Pending until every container has run, Running while any may run, else Succeeded or Failed."""
    if any(not state.has_run for state in states):
        return "Pending"
    codes = [(state.state.get("terminated") or {}).get("exitCode") for state in states]
    if all(code is not None for code in codes):
        failed = any(code != 0 for code in codes)
        if restart_policy == "Never" or (restart_policy == "OnFailure" and not failed):
            return "Failed" if failed else "Succeeded"
    return "Running"


def pod_status(pod: Obj, states: list[ContainerState], address: str, now: datetime) -> Obj:
    """The whole status; transition times are kept where a condition did not change."""
    before: Obj = pod.get("status") or {}
    phase = phase_of(states, pod["spec"].get("restartPolicy", "Always"))
    unready = [state.name for state in states if not state.ready]
    reason: dict[str, str] = {}
    if phase == "Succeeded":
        reason = {"reason": "PodCompleted"}
    elif phase == "Failed":
        reason = {"reason": "PodFailed"}
    elif unready:
        message = f"containers with unready status: [{' '.join(unready)}]"
        reason = {"reason": "ContainersNotReady", "message": message}
    conditions = [
        _condition(before, now, "PodReadyToStartContainers", bool(address), {}),
        _condition(before, now, "Initialized", True, {}),
        _condition(before, now, "Ready", not unready, reason),
        _condition(before, now, "ContainersReady", not unready, reason),
        _condition(before, now, "PodScheduled", True, {}),
    ]
    status: Obj = {
        "phase": phase,
        "conditions": conditions,
        "hostIP": HOST_ADDRESS,
        "hostIPs": [{"ip": HOST_ADDRESS}],
        "startTime": before.get("startTime") or stamp(now),
        "containerStatuses": [state.shown() for state in states],
        "qosClass": quality_class(pod["spec"]),
    }
    if address:
        status.update({"podIP": address, "podIPs": [{"ip": address}]})
    return status


def _condition(before: Obj, now: datetime, kind: str, holds: bool, reason: dict[str, str]) -> Obj:
    status = "True" if holds else "False"
    old = next((c for c in before.get("conditions") or () if c["type"] == kind), None)
    since = old["lastTransitionTime"] if old is not None and old["status"] == status else stamp(now)
    return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": since, **reason}
