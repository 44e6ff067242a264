"""The scale of a workload: its replicas as an `autoscaling/v1` Scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.cluster.embedded.kinds import Kind
from lab.cluster.embedded.selectors import selector_text
from lab.cluster.embedded.status import Cause, Invalid, bad_request
from lab.cluster.embedded.store import Obj


def scale_of(obj: Obj) -> Obj:
    """The Scale of a workload."""
    meta = obj["metadata"]
    shown = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in shown if key in meta},
        "spec": {"replicas": obj["spec"].get("replicas", 1)},
        "status": {
            "replicas": obj.get("status", {}).get("replicas", 0),
            "selector": selector_text(obj["spec"].get("selector") or {}),
        },
    }


def scaled(kind: Kind, obj: Obj, scale: Any) -> Obj:
    """The workload with the replicas of a Scale, and its resourceVersion where it states one.

    Raises:
        StatusError: 400, it is no Scale.
        Invalid: the replicas are negative.
    """
    spec = scale.get("spec") if isinstance(scale, Mapping) else None
    replicas = (spec or {}).get("replicas", 0) if isinstance(spec, Mapping | None) else None
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request('Scale in version "v1" cannot be handled as a Scale: spec.replicas must be a whole number')
    meta = scale.get("metadata") or {}
    if replicas < 0:
        why = f"Invalid value: {replicas}: must be greater than or equal to 0"
        as_scale = replace(kind, group="autoscaling", kind="Scale")
        raise Invalid(as_scale, obj["metadata"]["name"], [Cause("FieldValueInvalid", "spec.replicas", why)])
    new_meta = {**obj["metadata"], "resourceVersion": meta.get("resourceVersion") or obj["metadata"]["resourceVersion"]}
    return {**obj, "metadata": new_meta, "spec": {**obj["spec"], "replicas": replicas}}
