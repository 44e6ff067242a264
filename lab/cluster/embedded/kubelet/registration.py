"""The Node object of this machine, and the binding of Pods to it."""

from __future__ import annotations

import os
import platform
from datetime import datetime

import psutil

from lab.cluster.embedded.controllers.common import is_leaving, with_meta
from lab.cluster.embedded.controllers.events import Recorder
from lab.cluster.embedded.kubelet.status import HOST_ADDRESS
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, Store, stamp

POD_LIMIT = 110
VERSION = "v1.32.0-embedded"


def register_node(store: Store, settings: NodeSettings, now: datetime) -> None:
    """Create the Node, or bring its status up to date; `spec` (cordon) stays as it is."""
    name = settings.node_name
    if store.get("nodes", "", name) is None:
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": platform.system().lower()}
        fresh = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {}}
        store.create("nodes", fresh)
    node = store.get("nodes", "", name)
    if node is not None:
        store.update("nodes", {**node, "status": node_status(name, now)}, subresource="status")


def node_status(name: str, now: datetime) -> Obj:
    """Capacity, addresses and conditions of this machine."""
    capacity = {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{psutil.virtual_memory().total // 1024}Ki",
        "pods": str(POD_LIMIT),
    }
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
        "lastHeartbeatTime": stamp(now),
        "lastTransitionTime": stamp(now),
    }
    return {
        "capacity": capacity,
        "allocatable": dict(capacity),
        "conditions": [ready],
        "addresses": [{"type": "InternalIP", "address": HOST_ADDRESS}, {"type": "Hostname", "address": name}],
        "nodeInfo": {
            "machineID": "",
            "systemUUID": "",
            "bootID": "",
            "kernelVersion": platform.release(),
            "osImage": platform.system(),
            "containerRuntimeVersion": "embedded://processes",
            "kubeletVersion": VERSION,
            "kubeProxyVersion": VERSION,
            "operatingSystem": platform.system().lower(),
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        },
    }


def bind_pods(store: Store, settings: NodeSettings, recorder: Recorder) -> None:
    """Bind every Pod without a node to this one, unless the node is cordoned."""
    waiting = [pod for pod in store.list("pods") if not pod["spec"].get("nodeName") and not is_leaving(pod)]
    if not waiting:
        return
    node = store.get("nodes", "", settings.node_name)
    cordoned = node is not None and bool((node.get("spec") or {}).get("unschedulable"))
    for pod in waiting:
        meta = pod["metadata"]
        if not cordoned:
            store.update("pods", {**with_meta(pod), "spec": {**pod["spec"], "nodeName": settings.node_name}})
            told = f"Successfully assigned {meta['namespace']}/{meta['name']} to {settings.node_name}"
            recorder.say(pod, "Scheduled", told)
            continue
        message = "0/1 nodes are available: 1 node(s) were unschedulable."
        refusal = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        known = (pod.get("status") or {}).get("conditions") or [{}]
        if {key: value for key, value in known[0].items() if key in refusal} != refusal:
            refusal["lastTransitionTime"] = meta["creationTimestamp"]
            status = {"phase": "Pending", "conditions": [refusal]}
            store.update("pods", {**pod, "status": status}, subresource="status")
            recorder.say(pod, "FailedScheduling", message, kind="Warning")
