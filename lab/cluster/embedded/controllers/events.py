"""Events: what happened to an object, told once and counted after that, forgotten after an hour."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from lab.cluster.embedded.controllers.common import parse_time
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import Obj, Store, stamp, utc_now

EventType = Literal["Normal", "Warning"]
LIFETIME = timedelta(hours=1)


class Recorder:
    """Writes events in the name of one component, such as `kubelet` or `deployment-controller`."""

    def __init__(
        self, store: Store, component: str, *, host: str = "", clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._store = store
        self._component = component
        self._host = host
        self._clock = clock

    def say(self, about: Obj, reason: str, message: str, *, kind: EventType = "Normal", field: str = "") -> None:
        """Record that `reason` happened to `about`: a new event, or one more in the count of an equal one."""
        meta = about["metadata"]
        namespace = meta.get("namespace") or "default"
        digest = hashlib.sha256("\0".join((meta["uid"], reason, message, self._component)).encode()).hexdigest()[:16]
        name = f"{meta['name']}.{digest}"
        now = stamp(self._clock())
        known = self._store.get("events", namespace, name)
        try:
            if known is not None:
                self._store.update("events", {**known, "count": known.get("count", 1) + 1, "lastTimestamp": now})
            else:
                self._store.create("events", self._event(about, namespace, name, reason, message, kind, field, now))
        except StatusError:
            return  # the namespace is gone or going: nobody is left to read it

    def _event(
        self, about: Obj, namespace: str, name: str, reason: str, message: str, kind: EventType, field: str, now: str
    ) -> Obj:
        meta = about["metadata"]
        involved = {
            "kind": about["kind"],
            "apiVersion": about["apiVersion"],
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta.get("resourceVersion", ""),
        }
        if meta.get("namespace"):
            involved["namespace"] = meta["namespace"]
        if field:
            involved["fieldPath"] = field
        source = {"component": self._component, **({"host": self._host} if self._host else {})}
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "type": kind,
            "source": source,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "eventTime": None,
        }


def expire_events(store: Store, now: datetime) -> None:
    """Forget events whose last occurrence is more than an hour ago."""
    for event in store.list("events"):
        last = event.get("lastTimestamp") or event["metadata"]["creationTimestamp"]
        if now - parse_time(last) > LIFETIME:
            store.remove("events", event["metadata"]["namespace"], event["metadata"]["name"])
