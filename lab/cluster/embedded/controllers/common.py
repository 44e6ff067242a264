"""What controllers and kubelet share: owners, selectors, conditions, times and waiting for changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from lab.cluster.embedded.selectors import selector_accepts
from lab.cluster.embedded.store import Obj, Store


def parse_time(text: str) -> datetime:
    """A time of an object, in UTC.

    Raises:
        ValueError: not a time as Kubernetes writes it.
    """
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def owner_of(obj: Obj) -> Obj | None:
    """The reference to the controller of the object, if it has one."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: Obj = reference
            return found
    return None


def owned_by(obj: Obj, uid: str) -> bool:
    """Whether the controller of the object is the one with that uid."""
    owner = owner_of(obj)
    return owner is not None and owner["uid"] == uid


def controller_reference(owner: Obj) -> Obj:
    """The ownerReference that makes `owner` the controller of an object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def selects(selector: Obj | None, labels: dict[str, str] | None) -> bool:
    """Whether a `matchLabels`/`matchExpressions` selector takes these labels; without a selector nothing is taken."""
    return selector is not None and bool(selector) and selector_accepts(selector, labels or {})


def condition(obj: Obj, kind: str) -> Obj | None:
    """The condition of that type in the object's status."""
    for found in (obj.get("status") or {}).get("conditions") or ():
        if found["type"] == kind:
            result: Obj = found
            return result
    return None


def is_ready(pod: Obj) -> bool:
    """Whether the Pod's Ready condition holds."""
    found = condition(pod, "Ready")
    return found is not None and found["status"] == "True"


def is_available(pod: Obj, min_ready_seconds: int, now: datetime) -> bool:
    """Whether the Pod has been ready for at least `min_ready_seconds`."""
    found = condition(pod, "Ready")
    if found is None or found["status"] != "True":
        return False
    if min_ready_seconds <= 0:
        return True
    return (now - parse_time(found["lastTransitionTime"])).total_seconds() >= min_ready_seconds


def is_leaving(obj: Obj) -> bool:
    """Whether the object is being deleted."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def is_finished(pod: Obj) -> bool:
    """Whether the Pod has ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def with_meta(obj: Obj, **fields: Any) -> Obj:
    """A copy of the object with these metadata fields; None takes a field out."""
    meta = {**obj["metadata"], **{key: value for key, value in fields.items() if value is not None}}
    for key, value in fields.items():
        if value is None:
            meta.pop(key, None)
    return {**obj, "metadata": meta}


def without_keys(values: dict[str, str] | None, keys: Iterable[str]) -> dict[str, str]:
    """A copy of a mapping without some keys."""
    left_out = set(keys)
    return {key: value for key, value in (values or {}).items() if key not in left_out}


async def next_change(store: Store, version: int, timeout: float, stop: asyncio.Event) -> int:
    """Wait for a write after `version`, for `stop`, or `timeout` seconds; returns the latest version."""
    change = asyncio.ensure_future(store.wait_change(version, timeout))
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((change, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (change, stopped):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    return store.version
