"""Addresses of Pods: one of the node's range for each, or 127.0.0.1 for all where only that one answers."""

from __future__ import annotations

from lab.cluster.embedded import ports
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, Store

LOOPBACK = "127.0.0.1"
FIRST_HOST, LAST_HOST = 2, 254


class Addresses:
    """Gives addresses and ports to Pods so that no two of them collide."""

    def __init__(self, store: Store, settings: NodeSettings, *, bindable: ports.Bindable = ports.can_bind) -> None:
        self._store = store
        self._settings = settings
        self._bindable = bindable
        self._given: dict[str, str] = {}
        self._reserved: dict[str, set[tuple[str, int]]] = {}
        self._next = FIRST_HOST

    def pod_address(self, uid: str) -> str:
        """The address of a Pod, the same until it is released."""
        if self._settings.single_address:
            return LOOPBACK
        if uid not in self._given:
            used = set(self._given.values())
            hosts = range(FIRST_HOST, LAST_HOST + 1)
            order = [*hosts[self._next - FIRST_HOST :], *hosts[: self._next - FIRST_HOST]]
            number = next((n for n in order if f"{self._settings.pod_prefix}{n}" not in used), FIRST_HOST)
            self._given[uid] = f"{self._settings.pod_prefix}{number}"
            self._next = number + 1 if number < LAST_HOST else FIRST_HOST
        return self._given[uid]

    def pod_ports(self, pod: Obj, address: str) -> dict[int, int]:
        """The declared ports that must be replaced, with their replacements; reserved for this Pod."""
        uid = pod["metadata"]["uid"]
        self._reserved.pop(uid, None)
        taken = {pair for pairs in self._reserved.values() for pair in pairs} | self._service_ports()
        before = set(taken)
        declared = [
            port["containerPort"]
            for container in pod["spec"]["containers"]
            for port in container.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP"
        ]
        choices = ports.choose(address, declared, before=ports.chosen(pod), taken=taken, bindable=self._bindable)
        self._reserved[uid] = taken - before
        return choices

    def release(self, uid: str) -> None:
        """Give back what a Pod held."""
        self._given.pop(uid, None)
        self._reserved.pop(uid, None)

    def _service_ports(self) -> set[tuple[str, int]]:
        found: set[tuple[str, int]] = set()
        for service in self._store.list("services"):
            host = service["spec"].get("clusterIP")
            replaced = ports.chosen(service)
            for port in service["spec"].get("ports") or ():
                found.add((host, replaced.get(port["port"], port["port"])))
        return found
