"""
All objects of the cluster in memory, with the versions that watches resume from.

One asyncio loop owns a store; there are no threads. Objects handed out are shared: whoever wants to change one
copies it first and writes it back.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from lab.cluster.embedded.kinds import BY_RESOURCE, Kind
from lab.cluster.embedded.status import STALE, AlreadyExists, Conflict, Expired, NotFound, bad_request, forbidden

Obj = dict[str, Any]
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]

HISTORY = 5000
"""Changes kept for watches to resume from."""
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
NAME_LIMIT = 63 - 5


@dataclass(frozen=True, slots=True)
class Change:
    """One write: the object after it (for DELETED its last state, stamped with the new version) and before it."""

    version: int
    type: ChangeType
    resource: str
    obj: Obj
    previous: Obj | None


def stamp(moment: datetime) -> str:
    """A time as Kubernetes writes it in metadata: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_now() -> datetime:
    """The wall clock in UTC."""
    return datetime.now(UTC)


class Store:
    """Objects by (resource, namespace, name); cluster-scoped ones have the namespace `""`.

    `admit(kind, obj)` runs on a private copy of every new object, whoever creates it, and fills what admission fills
    (a Pod's service account, a Service's address). `first_version` above that of any earlier store makes the clients
    of that one start over instead of waiting for versions that are long past.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = utc_now,
        new_uid: Callable[[], str] = lambda: str(uuid4()),
        letters: random.Random | None = None,
        admit: Callable[[Kind, Obj], None] | None = None,
        first_version: int = 1,
    ) -> None:
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {resource: {} for resource in BY_RESOURCE}
        self._changes: deque[Change] = deque(maxlen=HISTORY)
        self._version = first_version
        self._forgotten = first_version
        self._clock = clock
        self._new_uid = new_uid
        self._letters = letters or random.Random()
        self._waiters: set[asyncio.Future[None]] = set()
        self.admit = admit

    @property
    def version(self) -> int:
        """The resourceVersion of the latest write."""
        return self._version

    def now(self) -> datetime:
        """The time by this store's clock."""
        return self._clock()

    def get(self, resource: str, namespace: str, name: str) -> Obj | None:
        """The object, or None."""
        return self._objects[resource].get((namespace, name))

    def list(self, resource: str, namespace: str | None = None) -> list[Obj]:
        """The objects of one namespace, or of all with None; ordered by namespace, then name."""
        held = self._objects[resource]
        return [held[key] for key in sorted(held) if namespace is None or key[0] == namespace]

    def create(self, resource: str, obj: Obj) -> Obj:
        """Store a new object, stamped with uid, creation time, version and generation 1.

        Raises:
            AlreadyExists: the name is taken.
            NotFound: the namespace does not exist.
            StatusError: no name is given (400), or the namespace is being deleted (403).
        """
        kind = BY_RESOURCE[resource]
        new = self.prepared(resource, obj)
        meta = new["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        if (namespace, name) in self._objects[resource]:
            raise AlreadyExists(kind, name)
        if kind.namespaced:
            self._check_namespace(kind, namespace, name)
        if self.admit is not None:
            self.admit(kind, new)
        return self._write("ADDED", resource, new, None)

    def prepared(self, resource: str, obj: Obj) -> Obj:
        """A copy with all the metadata that the server gives to a new object, except the version.

        Raises:
            StatusError: 400, neither name nor generateName is given.
        """
        kind = BY_RESOURCE[resource]
        meta = dict(obj.get("metadata") or {})
        if not meta.get("name"):
            prefix = meta.get("generateName")
            if not prefix:
                raise bad_request("name or generateName is required")
            meta["name"] = self._unused_name(resource, meta.get("namespace", ""), prefix[:NAME_LIMIT])
        if not kind.namespaced:
            meta.pop("namespace", None)
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "selfLink", "generation"):
            meta.pop(field, None)
        meta["uid"] = self._new_uid()
        meta["creationTimestamp"] = stamp(self._clock())
        if kind.counts_generations:
            meta["generation"] = 1
        return {"apiVersion": kind.api_version, "kind": kind.kind, **_without_type(obj), "metadata": meta}

    def update(self, resource: str, obj: Obj, *, subresource: Literal["", "status"] = "") -> Obj:
        """Replace the stored object; with `status` only its status, without it everything but the status.

        A resourceVersion in `obj` must be the stored one; without one the write is unconditional. A write that changes
        nothing keeps the version. An object that waits for deletion is removed once nothing holds it any more.

        Raises:
            NotFound: no such object.
            Conflict: `obj` was read before another write, or has another uid.
        """
        kind = BY_RESOURCE[resource]
        meta = obj["metadata"]
        namespace, name = meta.get("namespace", "") if kind.namespaced else "", meta["name"]
        old = self.get(resource, namespace, name)
        if old is None:
            raise NotFound(kind, name)
        new = self.merged(kind, old, obj, subresource)
        if new == old:
            return old
        written = self._write("MODIFIED", resource, new, old)
        if written["metadata"].get("deletionTimestamp") and _released(kind, written):
            self.remove(resource, namespace, name)
        return written

    def merged(self, kind: Kind, old: Obj, obj: Obj, subresource: Literal["", "status"]) -> Obj:
        """What `update` would store, except the version: `obj` over `old`, with what only the server may set kept.

        Raises:
            Conflict: a stale resourceVersion or another uid.
        """
        was, given = old["metadata"], obj["metadata"]
        if given.get("resourceVersion") not in (None, "", was["resourceVersion"]):
            raise Conflict(kind, was["name"], STALE)
        if given.get("uid") not in (None, "", was["uid"]):
            why = f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {was['uid']}"
            raise Conflict(kind, was["name"], why)
        if subresource == "status":
            new = {key: value for key, value in old.items() if key != "status"}
            return {**new, **({"status": obj["status"]} if "status" in obj else {})}
        meta = {key: value for key, value in given.items() if key not in _SERVER_FIELDS}
        meta.update({key: was[key] for key in _SERVER_FIELDS if key in was})
        new = {"apiVersion": kind.api_version, "kind": kind.kind, **_without_type(obj), "metadata": meta}
        if kind.has_status:
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        if kind.counts_generations and new.get("spec") != old.get("spec"):
            meta["generation"] = was.get("generation", 0) + 1
        return new

    def delete(
        self, resource: str, namespace: str, name: str, *, grace_seconds: int | None = None, uid: str | None = None
    ) -> Obj:
        """Begin or finish a deletion and return the object as it then is.

        A Pod that runs on the node gets `deletionTimestamp` and `deletionGracePeriodSeconds`; the kubelet stops it and
        calls `remove`. With a grace of 0 it goes at once and the kubelet finds processes whose Pod is gone. A Namespace
        turns Terminating until its controller has emptied it. Objects with finalizers wait for these.

        Raises:
            NotFound: no such object.
            Conflict: `uid` names another object.
        """
        kind = BY_RESOURCE[resource]
        old = self.get(resource, namespace, name)
        if old is None:
            raise NotFound(kind, name)
        was = old["metadata"]
        if uid is not None and uid != was["uid"]:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {was['uid']}"
            raise Conflict(kind, name, why)
        grace = _grace(kind, old, grace_seconds)
        if was.get("deletionTimestamp") and grace >= was.get("deletionGracePeriodSeconds", 0):
            return old
        meta = {**was, "deletionTimestamp": stamp(self._clock()), "deletionGracePeriodSeconds": grace}
        marked: Obj = {**old, "metadata": meta}
        if kind.plural == "namespaces":
            marked["status"] = {**old.get("status", {}), "phase": "Terminating"}
        if _released(kind, marked):
            self.remove(resource, namespace, name)
            return marked
        return self._write("MODIFIED", resource, marked, old)

    def remove(self, resource: str, namespace: str, name: str) -> None:
        """Take the object out for good; nothing happens if it is gone already."""
        old = self.get(resource, namespace, name)
        if old is not None:
            self._write("DELETED", resource, old, old)

    def changes_since(self, version: int, resource: str) -> tuple[Change, ...]:
        """The changes of one resource after `version`, oldest first.

        Raises:
            Expired: the history does not reach back that far, or `version` is none of this store.
        """
        if not self._forgotten <= version <= self._version:
            raise Expired(version, self._forgotten)
        found: deque[Change] = deque()
        for change in reversed(self._changes):
            if change.version <= version:
                break
            if change.resource == resource:
                found.appendleft(change)
        return tuple(found)

    async def wait_change(self, after_rv: int, timeout: float) -> int:
        """Wait for a write after version `after_rv`, at most `timeout` seconds; returns the latest version."""
        if self._version > after_rv:
            return self._version
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=timeout)
        finally:
            self._waiters.discard(waiter)
        return self._version

    def _write(self, change: ChangeType, resource: str, obj: Obj, previous: Obj | None) -> Obj:
        self._version += 1
        meta = {**obj["metadata"], "resourceVersion": str(self._version)}
        written = {**obj, "metadata": meta}
        key = (meta.get("namespace", ""), meta["name"])
        if change == "DELETED":
            del self._objects[resource][key]
        else:
            self._objects[resource][key] = written
        if len(self._changes) == HISTORY:
            self._forgotten = self._changes[0].version
        self._changes.append(Change(self._version, change, resource, written, previous))
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        return written

    def _unused_name(self, resource: str, namespace: str, prefix: str) -> str:
        while True:
            name = prefix + "".join(self._letters.choices(SUFFIX_LETTERS, k=5))
            if (namespace, name) not in self._objects[resource]:
                return name

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        found = self.get("namespaces", "", namespace)
        if found is None:
            raise NotFound(BY_RESOURCE["namespaces"], namespace)
        if found["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(kind, name, why)


_SERVER_FIELDS = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "resourceVersion",
    "generation",
)


def _without_type(obj: Obj) -> Obj:
    return {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}


def _grace(kind: Kind, obj: Obj, asked: int | None) -> int:
    if kind.plural != "pods" or not obj["spec"].get("nodeName"):
        return 0
    if obj.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    default: int = obj["spec"].get("terminationGracePeriodSeconds", 30)
    return max(0, default if asked is None else asked)


def _released(kind: Kind, obj: Obj) -> bool:
    """Whether nothing holds an object that is being deleted."""
    if obj["metadata"].get("finalizers"):
        return False
    if kind.plural == "namespaces":
        return False
    return not obj["metadata"].get("deletionGracePeriodSeconds")
