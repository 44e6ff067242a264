"""Services: an EndpointSlice for each set of ports that its Pods really have."""

from __future__ import annotations

import hashlib

from lab.cluster.embedded import ports
from lab.cluster.embedded.controllers.common import (
    controller_reference,
    is_finished,
    is_leaving,
    is_ready,
    owned_by,
)
from lab.cluster.embedded.store import SUFFIX_LETTERS, Obj, Store

MANAGER = "endpointslice-controller.k8s.io"
NAME_LABEL = "kubernetes.io/service-name"

PortList = tuple[tuple[str, str, int], ...]
"""(name, protocol, number) of each port."""


class ServiceController:
    """Keeps the EndpointSlices of every Service with a selector."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self) -> None:
        """One pass over all Services."""
        for service in self._store.list("services"):
            if service["spec"].get("selector") and not is_leaving(service):
                self._reconcile_one(service)

    def _reconcile_one(self, service: Obj) -> None:
        meta = service["metadata"]
        wanted = {part["metadata"]["name"]: part for part in _slices(service, self._pods(service))}
        known = {
            part["metadata"]["name"]: part
            for part in self._store.list("endpointslices", meta["namespace"])
            if owned_by(part, meta["uid"])
        }
        for name, part in wanted.items():
            held = known.get(name)
            if held is None:
                if self._store.get("endpointslices", meta["namespace"], name) is None:
                    self._store.create("endpointslices", part)
            elif any(held.get(key) != part[key] for key in ("endpoints", "ports")):
                self._store.update("endpointslices", {**held, "endpoints": part["endpoints"], "ports": part["ports"]})
        for name in known.keys() - wanted.keys():
            self._store.delete("endpointslices", meta["namespace"], name)

    def _pods(self, service: Obj) -> list[Obj]:
        selector: dict[str, str] = service["spec"]["selector"]
        return [
            pod
            for pod in self._store.list("pods", service["metadata"]["namespace"])
            if selector.items() <= (pod["metadata"].get("labels") or {}).items()
            and (pod.get("status") or {}).get("podIP")
            and not is_finished(pod)
        ]


def _slices(service: Obj, pods: list[Obj]) -> list[Obj]:
    groups: dict[PortList, list[Obj]] = {}
    for pod in pods:
        groups.setdefault(_pod_ports(service, pod), []).append(pod)
    if not groups:
        groups[()] = []
    return [_slice(service, listed, members) for listed, members in groups.items()]


def _pod_ports(service: Obj, pod: Obj) -> PortList:
    """The ports of the Service as they are on this Pod; a named port that the Pod lacks is left out."""
    named = {
        port["name"]: port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
        if port.get("name")
    }
    replaced = ports.chosen(pod)
    found: list[tuple[str, str, int]] = []
    for port in service["spec"].get("ports") or ():
        wanted = port.get("targetPort", port["port"])
        number = named.get(wanted) if isinstance(wanted, str) else wanted
        if number is not None:
            found.append((port.get("name", ""), port.get("protocol", "TCP"), replaced.get(number, number)))
    return tuple(found)


def _slice(service: Obj, listed: PortList, pods: list[Obj]) -> Obj:
    meta = service["metadata"]
    digest = hashlib.sha256(repr((meta["uid"], listed)).encode()).digest()
    suffix = "".join(SUFFIX_LETTERS[byte % len(SUFFIX_LETTERS)] for byte in digest[:5])
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{meta['name']}-{suffix}",
            "namespace": meta["namespace"],
            "labels": {
                **(meta.get("labels") or {}),
                NAME_LABEL: meta["name"],
                "endpointslice.kubernetes.io/managed-by": MANAGER,
            },
            "ownerReferences": [controller_reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(pod) for pod in pods],
        "ports": [{"name": name, "protocol": protocol, "port": number} for name, protocol, number in listed],
    }


def _endpoint(pod: Obj) -> Obj:
    meta, serving, leaving = pod["metadata"], is_ready(pod), is_leaving(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": serving and not leaving, "serving": serving, "terminating": leaving},
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
    }
