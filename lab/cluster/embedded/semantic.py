"""Rules for objects beyond types: names, labels, references, ranges, and what may never change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lab.cluster.embedded.faults import Faults
from lab.cluster.embedded.kinds import Kind
from lab.cluster.embedded.selectors import selector_accepts
from lab.cluster.embedded.semantic_autoscaling import check_autoscaler
from lab.cluster.embedded.semantic_batch import check_cron_job, check_job
from lab.cluster.embedded.semantic_pod import check_pod_spec
from lab.cluster.embedded.support import check_support

Obj = Mapping[str, Any]
_RESTART = ("Always", "OnFailure", "Never")
_POD_UPDATE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_IMMUTABLE = "field is immutable"


def check_new(kind: Kind, obj: Obj) -> None:
    """Refuse a new object, defaults filled in, that breaks a rule.

    Raises:
        Invalid: with every cause.
    """
    faults = Faults()
    _check_metadata(kind, obj, faults)
    check_support(kind, obj, faults)
    checker = _CHECKERS.get(kind.plural)
    if checker is not None:
        checker(obj, faults)
    faults.raise_if_any(kind, _name(obj))


def check_changed(kind: Kind, old: Obj, new: Obj) -> None:
    """Refuse a changed object that breaks a rule or changes what may not change.

    Raises:
        Invalid: with every cause.
    """
    faults = Faults()
    for section, field in _FIXED.get(kind.plural, ()):
        was, now = old.get(section, {}).get(field), new.get(section, {}).get(field)
        if was is not None and was != now:
            faults.invalid(f"{section}.{field}", now, _IMMUTABLE)
    if kind.plural == "pods" and _frozen_part(old) != _frozen_part(new):
        faults.forbidden("spec", _POD_UPDATE)
    if kind.plural in ("configmaps", "secrets") and old.get("immutable"):
        for field in ("data", "binaryData", "immutable"):
            if old.get(field) != new.get(field):
                faults.forbidden(field, "field is immutable when `immutable` is set")
    if kind.plural == "secrets" and old.get("type") != new.get("type"):
        faults.invalid("type", new.get("type"), _IMMUTABLE)
    faults.raise_if_any(kind, _name(new))
    check_new(kind, new)


_FIXED: dict[str, tuple[tuple[str, str], ...]] = {
    "deployments": (("spec", "selector"),),
    "replicasets": (("spec", "selector"),),
    "jobs": (("spec", "completions"), ("spec", "selector"), ("spec", "template"), ("spec", "completionMode")),
    "services": (("spec", "clusterIP"),),
}


def _name(obj: Obj) -> str:
    meta = obj.get("metadata") or {}
    return str(meta.get("name") or meta.get("generateName") or "")


def _check_metadata(kind: Kind, obj: Obj, faults: Faults) -> None:
    meta = obj.get("metadata") or {}
    name = meta.get("name") or f"{meta.get('generateName', '')}x"
    if not meta.get("name") and not meta.get("generateName"):
        faults.required("metadata.name", "name or generateName is required")
    elif kind.plural == "services":
        faults.service_name("metadata.name", name)
    elif kind.plural == "namespaces":
        faults.label("metadata.name", name)
    else:
        faults.subdomain("metadata.name", name)
    faults.labels("metadata.labels", meta.get("labels") or {})
    for key in meta.get("annotations") or {}:
        faults.qualified_name("metadata.annotations", key.lower())
    for index, owner in enumerate(meta.get("ownerReferences") or ()):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                faults.required(f"metadata.ownerReferences[{index}].{field}", f"{field} must not be empty")


def _check_deployment(obj: Obj, faults: Faults) -> None:
    spec = obj["spec"]
    _check_workload(spec, faults)
    for field in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        faults.not_negative(f"spec.{field}", spec.get(field))
    if spec.get("progressDeadlineSeconds", 600) <= spec.get("minReadySeconds", 0):
        faults.invalid(
            "spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], "must be greater than minReadySeconds"
        )
    strategy = spec.get("strategy") or {}
    match strategy.get("type"):
        case "Recreate":
            if strategy.get("rollingUpdate") is not None:
                why = "may not be specified when strategy `type` is 'Recreate'"
                faults.forbidden("spec.strategy.rollingUpdate", why)
        case "RollingUpdate":
            _check_rolling(strategy.get("rollingUpdate") or {}, faults)
        case other:
            faults.unsupported("spec.strategy.type", other, ("Recreate", "RollingUpdate"))


def _check_rolling(rolling: Obj, faults: Faults) -> None:
    amounts: dict[str, int] = {}
    for field in ("maxUnavailable", "maxSurge"):
        value = rolling.get(field, 0)
        path = f"spec.strategy.rollingUpdate.{field}"
        digits = value.removesuffix("%") if isinstance(value, str) else str(value)
        if isinstance(value, str) and (not value.endswith("%") or not digits.isdigit()):
            why = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
            faults.invalid(path, value, why + "regex used for validation is '[0-9]+%')")
        elif isinstance(value, int):
            faults.not_negative(path, value)
        amounts[field] = int(digits) if digits.isdigit() else 1
    if amounts == {"maxUnavailable": 0, "maxSurge": 0}:
        faults.invalid(
            "spec.strategy.rollingUpdate.maxUnavailable",
            rolling.get("maxUnavailable"),
            "may not be 0 when `maxSurge` is 0",
        )


def _check_replica_set(obj: Obj, faults: Faults) -> None:
    _check_workload(obj["spec"], faults)
    faults.not_negative("spec.minReadySeconds", obj["spec"].get("minReadySeconds"))


def _check_workload(spec: Obj, faults: Faults) -> None:
    faults.not_negative("spec.replicas", spec.get("replicas"))
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    faults.labels("spec.template.metadata.labels", labels)
    selector = spec.get("selector")
    if selector is None:
        faults.required("spec.selector")
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        faults.invalid("spec.selector", selector, "empty selector is invalid for deployment")
    elif _readable(selector, faults) and not selector_accepts(selector, labels):
        faults.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    check_pod_spec(template.get("spec") or {}, "spec.template.spec", ("Always",), faults)


def _readable(selector: Obj, faults: Faults) -> bool:
    operators = ("DoesNotExist", "Exists", "In", "NotIn")
    good = True
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        path = f"spec.selector.matchExpressions[{index}]"
        if not expression.get("key"):
            faults.required(f"{path}.key")
            good = False
        if expression.get("operator") not in operators:
            faults.unsupported(f"{path}.operator", expression.get("operator"), operators)
            good = False
    return good


def _check_pod(obj: Obj, faults: Faults) -> None:
    check_pod_spec(obj.get("spec") or {}, "spec", _RESTART, faults)


def _check_service(obj: Obj, faults: Faults) -> None:
    spec = obj["spec"]
    ports = spec.get("ports") or ()
    if not ports and spec.get("clusterIP") != "None":
        faults.required("spec.ports")
    names: set[str] = set()
    numbers: set[int] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        name, number = port.get("name", ""), port.get("port")
        if not name and len(ports) > 1:
            faults.required(f"{path}.name")
        elif name in names:
            faults.duplicate(f"{path}.name", name)
        elif name:
            faults.label(f"{path}.name", name)
        names.add(name)
        if number is None:
            faults.required(f"{path}.port")
        elif not 1 <= number <= 65535:
            faults.invalid(f"{path}.port", number, "must be between 1 and 65535, inclusive")
        elif number in numbers:
            faults.duplicate(path, {"port": number, "protocol": port.get("protocol")})
        else:
            numbers.add(number)
    faults.labels("spec.selector", spec.get("selector") or {})


def _check_data(obj: Obj, faults: Faults) -> None:
    for field in ("data", "binaryData"):
        for key in obj.get(field) or {}:
            if not key or len(key) > 253 or not all(c.isalnum() or c in "-_." for c in key):
                why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                faults.invalid(f"{field}[{key}]", key, why)


def _check_slice(obj: Obj, faults: Faults) -> None:
    if obj.get("addressType") is None:
        faults.required("addressType")
    elif obj["addressType"] != "IPv4":
        faults.forbidden("addressType", "the embedded cluster supports only IPv4 here")


def _check_event(obj: Obj, faults: Faults) -> None:
    if not obj.get("involvedObject"):
        faults.required("involvedObject")


_CHECKERS: dict[str, Callable[[Obj, Faults], None]] = {
    "deployments": _check_deployment,
    "replicasets": _check_replica_set,
    "horizontalpodautoscalers": check_autoscaler,
    "jobs": check_job,
    "cronjobs": check_cron_job,
    "pods": _check_pod,
    "services": _check_service,
    "configmaps": _check_data,
    "secrets": _check_data,
    "endpointslices": _check_slice,
    "events": _check_event,
}


def _frozen_part(pod: Obj) -> Obj:
    """A Pod's spec without what an update may change."""
    spec = {key: value for key, value in pod["spec"].items() if key not in ("tolerations", "activeDeadlineSeconds")}
    containers = [{k: v for k, v in container.items() if k != "image"} for container in spec.get("containers") or ()]
    return {**spec, "containers": containers}
