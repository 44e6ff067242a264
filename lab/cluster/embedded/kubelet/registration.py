"""The Node object: its size as the lab set it, and what the machine below it is."""

from __future__ import annotations

import os
import platform
from datetime import datetime

import psutil

from lab.cluster.embedded.kubelet.status import HOST_ADDRESS
from lab.cluster.embedded.options import NodeSize
from lab.cluster.embedded.quantity import NODE_RESOURCES
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, Store, stamp
from lab.cluster.embedded.version import NODE_VERSION

SIZE_ANNOTATION = "mlops-lab/size"


def register_node(store: Store, settings: NodeSettings, now: datetime) -> None:
    """Create the Node, or bring its status up to date; `spec` (cordon) stays as it is."""
    name = settings.node_name
    if store.get("nodes", "", name) is None:
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": platform.system().lower()}
        meta = {"name": name, "labels": labels, "annotations": {SIZE_ANNOTATION: _origin()}}
        store.create("nodes", {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {}})
    node = store.get("nodes", "", name)
    if node is not None:
        store.update("nodes", {**node, "status": node_status(name, settings.options.node, now)}, subresource="status")


def offer_extended(store: Store, settings: NodeSettings) -> None:
    """
    Make extended resources of the capacity allocatable, as a kubelet does.

    So a count that is patched into `status.capacity` takes effect, which is the documented way to advertise one.
    """
    node = store.get("nodes", "", settings.node_name)
    if node is None:
        return
    status = node.get("status") or {}
    allocatable = {name: amount for name, amount in (status.get("allocatable") or {}).items() if name in NODE_RESOURCES}
    allocatable |= {
        name: amount for name, amount in (status.get("capacity") or {}).items() if name not in NODE_RESOURCES
    }
    if allocatable != status.get("allocatable"):
        store.update("nodes", {**node, "status": {**status, "allocatable": allocatable}}, subresource="status")


def node_status(name: str, size: NodeSize, now: datetime) -> Obj:
    """Capacity, addresses and conditions of the node."""
    extended = {resource: str(count) for resource, count in size.extended.items()}
    native = {"cpu": size.cpu, "memory": size.memory, "ephemeral-storage": size.ephemeral_storage}
    capacity = {**native, "pods": str(size.pods), **extended}
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
            "kubeletVersion": NODE_VERSION,
            "kubeProxyVersion": NODE_VERSION,
            "operatingSystem": platform.system().lower(),
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        },
    }


def _origin() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"set by the lab; the machine below has {os.cpu_count() or 1} CPUs and {memory:.1f}Gi"
