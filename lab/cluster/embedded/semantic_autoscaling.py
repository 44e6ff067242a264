"""Rules for autoscalers beyond types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.cluster.embedded.faults import Faults
from lab.cluster.embedded.quantity import parse_quantity

Obj = Mapping[str, Any]
_SOURCES = {"Resource": "resource", "ContainerResource": "containerResource"}
_LONGEST_WINDOW = 3600
_LONGEST_PERIOD = 1800


def check_autoscaler(obj: Obj, faults: Faults) -> None:
    """Add the faults of an autoscaler."""
    spec = obj["spec"]
    target = spec.get("scaleTargetRef") or {}
    for field in ("kind", "name"):
        if not target.get(field):
            faults.required(f"spec.scaleTargetRef.{field}")
    lowest, highest = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if lowest < 1:
        faults.invalid("spec.minReplicas", lowest, "must be greater than or equal to 1")
    if highest < 1:
        faults.invalid("spec.maxReplicas", highest, "must be greater than 0")
    elif highest < lowest:
        faults.invalid("spec.maxReplicas", highest, "must be greater than or equal to `minReplicas`")
    for index, metric in enumerate(spec.get("metrics") or ()):
        _check_metric(metric, f"spec.metrics[{index}]", faults)
    for field, rules in (spec.get("behavior") or {}).items():
        _check_rules(rules, f"spec.behavior.{field}", faults)


def _check_metric(metric: Obj, path: str, faults: Faults) -> None:
    source = _SOURCES.get(metric.get("type", ""))
    if not metric.get("type"):
        faults.required(f"{path}.type", "must specify a metric source type")
    if source is None:
        return
    found = metric.get(source)
    if found is None:
        faults.required(f"{path}.{source}", "must populate information for the given metric source")
        return
    if found.get("name") not in ("cpu", "memory"):
        faults.unsupported(f"{path}.{source}.name", found.get("name"), ("cpu", "memory"))
    if source == "containerResource" and not found.get("container"):
        faults.required(f"{path}.{source}.container", "must specify a container")
    _check_target(found.get("target") or {}, f"{path}.{source}.target", faults)


def _check_target(target: Obj, path: str, faults: Faults) -> None:
    match target.get("type"):
        case "Utilization":
            if target.get("averageUtilization") is None:
                faults.required(f"{path}.averageUtilization", "must set a target average utilization")
            elif target["averageUtilization"] < 1:
                faults.invalid(f"{path}.averageUtilization", target["averageUtilization"], "must be greater than 0")
        case "AverageValue":
            if target.get("averageValue") is None:
                faults.required(f"{path}.averageValue", "must set a target raw value")
            elif _is_not_positive(target["averageValue"]):
                faults.invalid(f"{path}.averageValue", target["averageValue"], "must be positive")
        case None | "":
            faults.required(f"{path}.type", "must specify a metric target type")
        case other:
            faults.unsupported(f"{path}.type", other, ("AverageValue", "Utilization"))


def _check_rules(rules: Obj, path: str, faults: Faults) -> None:
    window = rules.get("stabilizationWindowSeconds")
    faults.not_negative(f"{path}.stabilizationWindowSeconds", window)
    if window is not None and window > _LONGEST_WINDOW:
        faults.invalid(f"{path}.stabilizationWindowSeconds", window, f"must be less than or equal to {_LONGEST_WINDOW}")
    if rules.get("selectPolicy") not in ("Max", "Min", "Disabled"):
        faults.unsupported(f"{path}.selectPolicy", rules.get("selectPolicy"), ("Disabled", "Max", "Min"))
    if not rules.get("policies"):
        faults.required(f"{path}.policies", "must specify at least one Policy")
    for index, policy in enumerate(rules.get("policies") or ()):
        where = f"{path}.policies[{index}]"
        if policy.get("type") not in ("Pods", "Percent"):
            faults.unsupported(f"{where}.type", policy.get("type"), ("Percent", "Pods"))
        for field, highest in (("value", None), ("periodSeconds", _LONGEST_PERIOD)):
            number = policy.get(field, 0)
            if number < 1:
                faults.invalid(f"{where}.{field}", number, "must be greater than zero")
            elif highest is not None and number > highest:
                faults.invalid(f"{where}.{field}", number, f"must be less than or equal to {highest}")
    if rules.get("tolerance") is not None and _is_negative(rules["tolerance"]):
        faults.invalid(f"{path}.tolerance", rules["tolerance"], "must be greater than or equal to 0")


def _is_not_positive(text: str) -> bool:
    return _amount(text) <= 0


def _is_negative(text: str) -> bool:
    return _amount(text) < 0


def _amount(text: str) -> float:
    try:
        return float(parse_quantity(text))
    except ValueError:
        return -1.0
