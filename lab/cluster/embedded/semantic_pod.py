"""Rules for Pods and Pod templates beyond types."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from lab.cluster.embedded.faults import Faults
from lab.cluster.embedded.quantity import is_extended, parse_quantity

_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_PORT_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
_FIELD_PATH = re.compile(
    r"metadata\.(name|namespace|uid)|metadata\.(labels|annotations)\['[^']+'\]"
    r"|spec\.(nodeName|serviceAccountName)|status\.(podIP|podIPs|hostIP|hostIPs)"
)
_PORT_RANGE = "must be between 1 and 65535, inclusive"
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")


def check_pod_spec(spec: Mapping[str, Any], path: str, restart: Collection[str], faults: Faults) -> None:
    """Add the faults of one Pod spec; `restart` are the restart policies that the workload may have."""
    if not spec.get("containers"):
        faults.required(f"{path}.containers")
    if spec.get("restartPolicy", "Always") not in restart:
        faults.unsupported(f"{path}.restartPolicy", spec["restartPolicy"], restart)
    faults.not_negative(f"{path}.terminationGracePeriodSeconds", spec.get("terminationGracePeriodSeconds"))
    volumes = _check_volumes(spec.get("volumes") or (), f"{path}.volumes", faults)
    names: set[str] = set()
    for index, container in enumerate(spec.get("containers") or ()):
        where = f"{path}.containers[{index}]"
        name = container.get("name")
        if not name:
            faults.required(f"{where}.name")
        elif name in names:
            faults.duplicate(f"{where}.name", name)
        else:
            faults.label(f"{where}.name", name)
            names.add(name)
        _check_container(container, where, volumes, faults)


def _check_container(container: Mapping[str, Any], path: str, volumes: set[str], faults: Faults) -> None:
    if not container.get("image"):
        faults.required(f"{path}.image")
    policy = container.get("imagePullPolicy")
    if policy is not None and policy not in _PULL_POLICIES:
        faults.unsupported(f"{path}.imagePullPolicy", policy, _PULL_POLICIES)
    port_names = _check_ports(container.get("ports") or (), f"{path}.ports", faults)
    for index, entry in enumerate(container.get("env") or ()):
        _check_env(entry, f"{path}.env[{index}]", faults)
    _check_mounts(container.get("volumeMounts") or (), f"{path}.volumeMounts", volumes, faults)
    _check_resources(container.get("resources") or {}, f"{path}.resources", faults)
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if kind in container:
            _check_probe(container[kind], f"{path}.{kind}", kind, port_names, faults)


def _check_ports(ports: Collection[Mapping[str, Any]], path: str, faults: Faults) -> set[str]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        number = port.get("containerPort")
        if number is None:
            faults.required(f"{where}.containerPort")
        elif not 1 <= number <= 65535:
            faults.invalid(f"{where}.containerPort", number, _PORT_RANGE)
        name = port.get("name")
        if name in names:
            faults.duplicate(f"{where}.name", name)
        elif name:
            _check_port_name(name, f"{where}.name", faults)
            names.add(name)
    return names


def _check_port_name(name: str, path: str, faults: Faults) -> None:
    if len(name) > 15:
        faults.invalid(path, name, "must be no more than 15 characters")
    elif not _PORT_NAME.fullmatch(name):
        faults.invalid(path, name, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    elif not re.search("[a-z]", name):
        faults.invalid(path, name, "must contain at least one letter (a-z)")


def _check_env(entry: Mapping[str, Any], path: str, faults: Faults) -> None:
    name = entry.get("name")
    if not name:
        faults.required(f"{path}.name")
    elif not _ENV_NAME.fullmatch(name):
        why = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.'"
        faults.invalid(f"{path}.name", name, why)
    source = entry.get("valueFrom")
    if source is None:
        return
    if entry.get("value"):
        faults.invalid(f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
    if len(source) != 1:
        why = "must specify one of: `fieldRef`, `configMapKeyRef` or `secretKeyRef`"
        faults.invalid(
            f"{path}.valueFrom", "", why if not source else "may not have more than one field specified at a time"
        )
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in source:
            for key in ("name", "key"):
                if not source[kind].get(key):
                    faults.required(f"{path}.valueFrom.{kind}.{key}")
    if "fieldRef" in source:
        field = source["fieldRef"].get("fieldPath")
        if not field:
            faults.required(f"{path}.valueFrom.fieldRef.fieldPath")
        elif not _FIELD_PATH.fullmatch(field):
            faults.invalid(
                f"{path}.valueFrom.fieldRef.fieldPath", field, "error converting fieldPath: field label not supported"
            )


def _check_volumes(volumes: Collection[Mapping[str, Any]], path: str, faults: Faults) -> set[str]:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        where = f"{path}[{index}]"
        name = volume.get("name")
        if not name:
            faults.required(f"{where}.name")
            continue
        if name in names:
            faults.duplicate(f"{where}.name", name)
        faults.label(f"{where}.name", name)
        names.add(name)
        if len(volume) > 2:
            faults.forbidden(where, "may not specify more than 1 volume type")
        if "configMap" in volume and not volume["configMap"].get("name"):
            faults.required(f"{where}.configMap.name")
        if "secret" in volume and not volume["secret"].get("secretName"):
            faults.required(f"{where}.secret.secretName")
    return names


def _check_mounts(mounts: Collection[Mapping[str, Any]], path: str, volumes: set[str], faults: Faults) -> None:
    paths: set[str] = set()
    for index, mount in enumerate(mounts):
        where = f"{path}[{index}]"
        if not mount.get("name"):
            faults.required(f"{where}.name")
        elif mount["name"] not in volumes:
            faults.not_found(f"{where}.name", mount["name"])
        target = mount.get("mountPath")
        if not target:
            faults.required(f"{where}.mountPath")
        elif target in paths:
            faults.invalid(f"{where}.mountPath", target, "must be unique")
        elif not target.startswith("/") or ".." in target.split("/"):
            faults.forbidden(f"{where}.mountPath", "the embedded cluster wants an absolute path without `..`")
        else:
            paths.add(target)


def _check_resources(resources: Mapping[str, Any], path: str, faults: Faults) -> None:
    limits = resources.get("limits") or {}
    for part in ("limits", "requests"):
        for name, amount in (resources.get(part) or {}).items():
            if _amount(amount, f"{path}.{part}[{name}]", faults) < 0:
                faults.invalid(f"{path}.{part}[{name}]", amount, "must be greater than or equal to 0")
    requests = resources.get("requests") or {}
    for name, amount in requests.items():
        if is_extended(name):
            continue
        if name in limits and _amount(amount, path, Faults()) > _amount(limits[name], path, Faults()):
            faults.invalid(f"{path}.requests", amount, f"must be less than or equal to {name} limit of {limits[name]}")
    for name in sorted({name for name in (*limits, *requests) if is_extended(name)}):
        _check_extended(name, limits.get(name), requests.get(name), path, faults)


def _check_extended(name: str, limit: str | None, request: str | None, path: str, faults: Faults) -> None:
    """Extended resources come in whole pieces and are never overcommitted."""
    for part, amount in (("limits", limit), ("requests", request)):
        if amount is not None and not _amount(amount, path, Faults()).is_integer():
            faults.invalid(f"{path}.{part}[{name}]", amount, "must be an integer")
    if limit is None:
        faults.required(f"{path}.limits", "Limit must be set for non overcommitable resources")
    elif request is not None and _amount(request, path, Faults()) != _amount(limit, path, Faults()):
        faults.invalid(f"{path}.requests", request, f"must be equal to {name} limit of {limit}")


def _amount(text: str, path: str, faults: Faults) -> float:
    try:
        return float(parse_quantity(text))
    except ValueError:
        faults.invalid(path, text, "unable to parse quantity's suffix")
        return 0.0


def _check_probe(probe: Mapping[str, Any], path: str, kind: str, port_names: set[str], faults: Faults) -> None:
    handlers = [name for name in ("exec", "httpGet", "tcpSocket", "grpc") if name in probe]
    if not handlers:
        faults.required(path, "must specify a handler type")
    for extra in handlers[1:]:
        faults.forbidden(f"{path}.{extra}", "may not specify more than 1 handler type")
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        faults.not_negative(f"{path}.{name}", probe.get(name))
    if kind != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        faults.invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")
    for name in ("httpGet", "tcpSocket"):
        if name in probe:
            _check_probe_port(probe[name].get("port"), f"{path}.{name}.port", port_names, faults)
    if "exec" in probe and not probe["exec"].get("command"):
        faults.required(f"{path}.exec.command")


def _check_probe_port(port: Any, path: str, port_names: set[str], faults: Faults) -> None:
    if port is None:
        faults.required(path)
    elif isinstance(port, int):
        if not 1 <= port <= 65535:
            faults.invalid(path, port, _PORT_RANGE)
    elif port not in port_names:
        faults.not_found(path, port)
