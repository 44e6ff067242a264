"""
Services on the network: each listens on its own address and hands every new connection to the next ready Pod.

The proxies have a thread and a loop of their own, so that work of the API does not show up as latency of the stack. A
Service without ready Pods refuses connections, as kube-proxy makes it.

    proxies = ServiceProxies(store)
    proxies.sync()                       in the store's loop, after every change of Services or EndpointSlices
    service_address(store, "ns", "web")  where a Service really listens
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab.cluster.embedded import ports
from lab.cluster.embedded.proxy_loop import Backend, Listener
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import Obj, Store
from lab.errors import NotFound

STEP_SECONDS = 1.0
"""The longest wait for the thread of the proxies to take up a change."""

Key = tuple[str, int]
"""uid of the Service and the port that its manifest declares."""


@dataclass(slots=True)
class _Entry:
    host: str
    port: int
    listener: Listener
    backends: tuple[Backend, ...] = ()


class ServiceProxies:
    """The proxies of all Services. Only `sync` touches the store; connections are handled in the thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: dict[Key, _Entry] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def sync(self) -> None:
        """Listen for new Services, stop for gone ones, and take over the ready endpoints of the others.

        When this returns, new connections go where the EndpointSlices say.
        """
        present: set[Key] = set()
        for service in self._store.list("services"):
            host = service["spec"].get("clusterIP")
            if not host or host == "None" or service["spec"].get("type") == "ExternalName":
                continue
            choices: dict[int, int] = {}
            for port in _tcp_ports(service):
                key = (service["metadata"]["uid"], port["port"])
                present.add(key)
                entry = self._entries.get(key) or self._open(key, host, ports.chosen(service).get(port["port"]))
                if entry.port != port["port"]:
                    choices[port["port"]] = entry.port
                self._direct(entry, _backends(self._store, service, port.get("name", "")))
            if choices != ports.chosen(service):
                with contextlib.suppress(StatusError):
                    self._store.update("services", ports.published(service, choices))
        for key in self._entries.keys() - present:
            self._call(self._entries.pop(key).listener.close)

    def close(self) -> None:
        """Close every listener and connection and end the thread."""
        loop, thread = self._loop, self._thread
        for entry in self._entries.values():
            self._call(entry.listener.close)
        self._entries.clear()
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
        self._loop = self._thread = None

    def _open(self, key: Key, host: str, before: int | None) -> _Entry:
        held = {entry.port for entry in self._entries.values() if entry.host == host}
        bound = _bound(host, [port for port in (before, key[1]) if port is not None and port not in held])
        entry = _Entry(host, bound.getsockname()[1], Listener(self._running_loop(), bound))
        self._entries[key] = entry
        return entry

    def _direct(self, entry: _Entry, backends: tuple[Backend, ...]) -> None:
        if backends != entry.backends:
            entry.backends = backends
            self._call(lambda: entry.listener.direct(backends))

    def _call(self, step: Callable[[], None]) -> None:
        """Run a step in the thread of the proxies, and wait for it."""
        done = threading.Event()

        def run() -> None:
            try:
                step()
            finally:
                done.set()

        self._running_loop().call_soon_threadsafe(run)
        done.wait(STEP_SECONDS)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_serve, args=(loop,), name="service-proxies", daemon=True)
            self._thread.start()
        return self._loop


def service_address(store: Store, namespace: str, name: str, port_name: str = "") -> tuple[str, int]:
    """Host and port where a Service listens: the named port, or its first.

    Raises:
        NotFound: no such Service, no such port, or a Service without an address of its own.
    """
    service = store.get("services", namespace, name)
    if service is not None and service["spec"].get("clusterIP") not in (None, "", "None"):
        replaced = ports.chosen(service)
        for port in service["spec"].get("ports") or ():
            if not port_name or port.get("name") == port_name:
                return service["spec"]["clusterIP"], replaced.get(port["port"], port["port"])
    wanted = f"{namespace}/{name}" + (f", port {port_name}" if port_name else "")
    known = ", ".join(sorted(found["metadata"]["name"] for found in store.list("services", namespace))) or "none"
    raise NotFound("No such service", f"Nothing listens for {wanted}.", f"Services there: {known}.")


def _tcp_ports(service: Obj) -> Iterator[Obj]:
    return (port for port in service["spec"].get("ports") or () if port.get("protocol", "TCP") == "TCP")


def _backends(store: Store, service: Obj, port_name: str) -> tuple[Backend, ...]:
    meta = service["metadata"]
    found: list[Backend] = []
    for part in store.list("endpointslices", meta["namespace"]):
        if (part["metadata"].get("labels") or {}).get("kubernetes.io/service-name") != meta["name"]:
            continue
        number = next((port["port"] for port in part.get("ports") or () if port.get("name", "") == port_name), None)
        if number is not None:
            found.extend(
                (endpoint["addresses"][0], number)
                for endpoint in part.get("endpoints") or ()
                if (endpoint.get("conditions") or {}).get("ready", True)
            )
    return tuple(sorted(found))


def _bound(host: str, candidates: list[int]) -> socket.socket:
    """A socket bound, but not listening, on the first candidate that can be had, or on any free port."""
    for port in candidates:
        if ports.can_bind(host, port):
            with contextlib.suppress(OSError):
                return ports.bound_socket(host, port)
    return ports.bound_socket(host, 0)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
