"""What each pod has booked of its node, finished ones aside: the pods of any component, and those of none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stack.discovery.pods import COMPONENT_LABEL

GPU = "nvidia.com/gpu"
FINISHED = frozenset({"Succeeded", "Failed"})

_QUANTITY = re.compile(r"([+-]?[0-9.]+)([a-zA-Z]*)((?<=[eE])[+-]?[0-9]+)?")
_SUFFIXES = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ContainerBooking:
    """What one container requests; a limit stands in for a request that is not there, as the API server does it."""

    name: str
    cpu: float
    """Cores."""
    memory: float
    """Bytes."""
    gpu: float


@dataclass(frozen=True, slots=True)
class Booking:
    """One pod that is on a node."""

    name: str
    namespace: str
    uid: str
    component: str
    owner: str
    """Kind of the object that made it, such as ReplicaSet or Job; empty without one."""
    node: str
    since: str
    """When its node took it, as the API writes times; empty while it has not."""
    containers: tuple[ContainerBooking, ...]


def read_booking(document: Mapping[str, Any]) -> Booking | None:
    """The booking of a Kubernetes object; None while the pod is on no node, and when it has finished."""
    meta, spec, status = document["metadata"], document.get("spec", {}), document.get("status", {})
    if not spec.get("nodeName") or status.get("phase") in FINISHED:
        return None
    owners = meta.get("ownerReferences") or [{}]
    return Booking(
        name=meta["name"],
        namespace=meta.get("namespace", ""),
        uid=meta.get("uid", meta["name"]),
        component=(meta.get("labels") or {}).get(COMPONENT_LABEL, ""),
        owner=owners[0].get("kind", ""),
        node=spec["nodeName"],
        since=status.get("startTime") or "",
        containers=tuple(_container(item) for item in spec.get("containers", [])),
    )


def amount(quantity: str | float) -> float:
    """
    A Kubernetes quantity in base units: `250m` is 0.25, `64Mi` 67108864.

    Raises:
        ValueError: it is none.
    """
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None:
        raise ValueError(f"not a quantity: {quantity!r}")
    if found[2] in ("e", "E") and found[3]:
        return float(str(quantity))
    if found[2] not in _SUFFIXES:
        raise ValueError(f"not a quantity: {quantity!r}")
    return float(found[1]) * _SUFFIXES[found[2]]


class Bookings:
    """All bookings known, with a version that changes whenever they do; see `View` for `first_version`."""

    def __init__(self, first_version: int) -> None:
        self.version = first_version
        self._bookings: dict[str, Booking] = {}
        self._changed = asyncio.Event()
        self._closed = False

    def all(self) -> tuple[Booking, ...]:
        """Every booking, in order of name."""
        return tuple(booking for _, booking in sorted(self._bookings.items()))

    def replace(self, bookings: Iterable[Booking]) -> None:
        """Take `bookings` as all there are."""
        self._update({booking.name: booking for booking in bookings})

    def put(self, name: str, booking: Booking | None) -> None:
        """Take the new state of a pod; None removes it."""
        rest = {key: value for key, value in self._bookings.items() if key != name}
        self._update(rest if booking is None else {**rest, name: booking})

    async def wait(self, version: int, seconds: float) -> None:
        """Return once the version is another one, or after `seconds`, or when closed."""
        try:
            async with asyncio.timeout(seconds):
                while self.version == version and not self._closed:
                    await self._changed.wait()
        except TimeoutError:
            return

    def close(self) -> None:
        """Let every waiting reader return."""
        self._closed = True
        self._changed.set()

    def _update(self, bookings: dict[str, Booking]) -> None:
        if bookings != self._bookings:
            self._bookings = bookings
            self.version += 1
            self._changed.set()
            self._changed = asyncio.Event()


def _container(item: Mapping[str, Any]) -> ContainerBooking:
    resources = item.get("resources") or {}
    booked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return ContainerBooking(
        name=item["name"],
        cpu=amount(booked.get("cpu", 0)),
        memory=amount(booked.get("memory", 0)),
        gpu=amount(booked.get(GPU, 0)),
    )
