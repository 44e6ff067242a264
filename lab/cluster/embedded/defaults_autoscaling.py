"""The values that Kubernetes fills into autoscalers, and the older form of them."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]

UP: Obj = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
DOWN: Obj = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}
"""Without a window of its own: the one that the cluster has for all."""
CPU_TARGET = 80


def fill_autoscaler(obj: Obj) -> None:
    """The defaults of an `autoscaling/v2` autoscaler, in place."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        spec["metrics"] = [_cpu_metric(CPU_TARGET)]
    behavior = spec.get("behavior")
    if behavior is not None:
        behavior["scaleUp"] = rules(behavior.get("scaleUp"), UP)
        behavior["scaleDown"] = rules(behavior.get("scaleDown"), DOWN)


def rules(given: Obj | None, defaults: Obj) -> Obj:
    """Scaling rules with the defaults for what they leave out."""
    return {**defaults, **(given or {})}


def from_v1(document: Any) -> Any:
    """An `autoscaling/v1` autoscaler in the form of v2; anything else as it is, for the checks to refuse."""
    if not isinstance(document, dict) or not isinstance(document.get("spec"), dict):
        return document
    spec = dict(document["spec"])
    target = spec.pop("targetCPUUtilizationPercentage", None)
    spec["metrics"] = [_cpu_metric(CPU_TARGET if target is None else target)]
    kept = {key: value for key, value in document.items() if key != "status"}
    return {**kept, "apiVersion": "autoscaling/v2", "spec": spec}


def as_v1(obj: Obj) -> Obj:
    """An autoscaler of one cpu target in the form of v1."""
    spec = {key: value for key, value in obj["spec"].items() if key not in ("metrics", "behavior")}
    target = obj["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"]
    status = obj.get("status") or {}
    numbers = {key: status.get(key, 0) for key in ("currentReplicas", "desiredReplicas")}
    return {
        **obj,
        "apiVersion": "autoscaling/v1",
        "spec": {**spec, "targetCPUUtilizationPercentage": target},
        "status": numbers,
    }


def _cpu_metric(percent: int) -> Obj:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}
