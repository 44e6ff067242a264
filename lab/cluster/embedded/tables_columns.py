"""The columns of every kind that has some of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lab.cluster.embedded import tables_autoscaling, tables_batch
from lab.cluster.embedded.selectors import selector_text
from lab.cluster.embedded.tables_age import age, parsed_time, since
from lab.cluster.embedded.tables_pod import ready_text, restarts_text, status_text

Obj = Mapping[str, Any]
Cell = str | int


@dataclass(frozen=True, slots=True)
class Column:
    """One column; priority 1 is shown with `-o wide` only."""

    name: str
    cell: Callable[[Obj, datetime], Cell]
    type: str = "string"
    priority: int = 0


NONE = "<none>"


def _name(obj: Obj, _: datetime) -> str:
    return str(obj["metadata"]["name"])


def _at(path: str, absent: Cell = NONE) -> Callable[[Obj, datetime], Cell]:
    keys = path.split(".")

    def cell(obj: Obj, _: datetime) -> Cell:
        found: Any = obj
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return absent if found is None or found == "" else found

    return cell


def _count(*fields: str) -> Callable[[Obj, datetime], Cell]:
    return lambda obj, _: sum(len(obj.get(field) or ()) for field in fields)


def _containers(key: str, path: str = "spec.template.spec") -> Callable[[Obj, datetime], Cell]:
    spec = _at(path, "")

    def cell(obj: Obj, now: datetime) -> Cell:
        found: Any = spec(obj, now) or {}
        return ",".join(str(container.get(key, "")) for container in found.get("containers") or ())

    return cell


def _selector(obj: Obj, _: datetime) -> str:
    return selector_text(obj["spec"].get("selector") or {}) or NONE


def _deployment_ready(obj: Obj, _: datetime) -> str:
    return f"{obj.get('status', {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 1)}"


def _service_ports(obj: Obj, _: datetime) -> str:
    ports = obj["spec"].get("ports") or ()
    return ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in ports) or NONE


def _service_selector(obj: Obj, _: datetime) -> str:
    return ",".join(f"{k}={v}" for k, v in sorted((obj["spec"].get("selector") or {}).items())) or NONE


def _node_status(obj: Obj, _: datetime) -> str:
    conditions = {c["type"]: c["status"] for c in obj.get("status", {}).get("conditions") or ()}
    word = {"True": "Ready", "False": "NotReady"}.get(conditions.get("Ready", ""), "Unknown")
    return word + (",SchedulingDisabled" if obj.get("spec", {}).get("unschedulable") else "")


def _node_roles(obj: Obj, _: datetime) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or NONE


def _node_address(obj: Obj, _: datetime) -> str:
    addresses = obj.get("status", {}).get("addresses") or ()
    return next((str(a["address"]) for a in addresses if a["type"] == "InternalIP"), NONE)


def _slice_ports(obj: Obj, _: datetime) -> str:
    return ",".join(str(port.get("port", "*")) for port in obj.get("ports") or ()) or "<unset>"


def _slice_endpoints(obj: Obj, _: datetime) -> str:
    addresses = [address for endpoint in obj.get("endpoints") or () for address in endpoint.get("addresses") or ()]
    shown, more = addresses[:3], len(addresses) - 3
    return (",".join(shown) or "<unset>") + (f" + {more} more..." if more > 0 else "")


def _event_last(obj: Obj, now: datetime) -> str:
    return since(_last_time(obj), now)


def _last_time(obj: Obj) -> str | None:
    found = obj.get("lastTimestamp") or obj.get("eventTime") or obj["metadata"].get("creationTimestamp")
    return None if found is None else str(found)


def event_moment(obj: Obj) -> float:
    """When an Event last happened, seconds since the epoch; 0 when it does not say."""
    text = _last_time(obj)
    return parsed_time(text).timestamp() if text else 0.0


def _event_first(obj: Obj, now: datetime) -> str:
    return since(obj.get("firstTimestamp") or obj["metadata"].get("creationTimestamp"), now)


def _event_object(obj: Obj, _: datetime) -> str:
    involved = obj.get("involvedObject") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def _event_source(obj: Obj, _: datetime) -> str:
    source = obj.get("source") or {}
    return ", ".join(part for part in (source.get("component"), source.get("host")) if part)


_NAME = Column("Name", _name)
_AGE = Column("Age", age)
_CRON_POD = "spec.jobTemplate.spec.template.spec"
_WIDE_TEMPLATE = (
    Column("Containers", _containers("name"), priority=1),
    Column("Images", _containers("image"), priority=1),
    Column("Selector", _selector, priority=1),
)

COLUMNS: dict[str, Sequence[Column]] = {
    "": (_NAME, _AGE),
    "namespaces": (_NAME, Column("Status", _at("status.phase", "Active")), _AGE),
    "nodes": (
        _NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        _AGE,
        Column("Version", _at("status.nodeInfo.kubeletVersion", "")),
        Column("Internal-IP", _node_address, priority=1),
        Column("External-IP", lambda obj, now: NONE, priority=1),
        Column("OS-Image", _at("status.nodeInfo.osImage", "<unknown>"), priority=1),
        Column("Kernel-Version", _at("status.nodeInfo.kernelVersion", "<unknown>"), priority=1),
        Column("Container-Runtime", _at("status.nodeInfo.containerRuntimeVersion", "<unknown>"), priority=1),
    ),
    "pods": (
        _NAME,
        Column("Ready", lambda obj, now: ready_text(obj)),
        Column("Status", lambda obj, now: status_text(obj)),
        Column("Restarts", restarts_text),
        _AGE,
        Column("IP", _at("status.podIP"), priority=1),
        Column("Node", _at("spec.nodeName"), priority=1),
        Column("Nominated Node", _at("status.nominatedNodeName"), priority=1),
        Column("Readiness Gates", lambda obj, now: NONE, priority=1),
    ),
    "services": (
        _NAME,
        Column("Type", _at("spec.type")),
        Column("Cluster-IP", _at("spec.clusterIP")),
        Column("External-IP", lambda obj, now: NONE),
        Column("Port(s)", _service_ports),
        _AGE,
        Column("Selector", _service_selector, priority=1),
    ),
    "configmaps": (_NAME, Column("Data", _count("data", "binaryData"), "integer"), _AGE),
    "secrets": (_NAME, Column("Type", _at("type")), Column("Data", _count("data"), "integer"), _AGE),
    "serviceaccounts": (_NAME, Column("Secrets", _count("secrets"), "integer"), _AGE),
    "events": (
        Column("Last Seen", _event_last),
        Column("Type", _at("type", "")),
        Column("Reason", _at("reason", "")),
        Column("Object", _event_object),
        Column("Subobject", _at("involvedObject.fieldPath", ""), priority=1),
        Column("Source", _event_source, priority=1),
        Column("Message", _at("message", "")),
        Column("First Seen", _event_first, priority=1),
        Column("Count", _at("count", 1), "integer", priority=1),
        Column("Name", _name, priority=1),
    ),
    "deployments": (
        _NAME,
        Column("Ready", _deployment_ready),
        Column("Up-to-date", _at("status.updatedReplicas", 0), "integer"),
        Column("Available", _at("status.availableReplicas", 0), "integer"),
        _AGE,
        *_WIDE_TEMPLATE,
    ),
    "replicasets": (
        _NAME,
        Column("Desired", _at("spec.replicas", 0), "integer"),
        Column("Current", _at("status.replicas", 0), "integer"),
        Column("Ready", _at("status.readyReplicas", 0), "integer"),
        _AGE,
        *_WIDE_TEMPLATE,
    ),
    "horizontalpodautoscalers": (
        _NAME,
        Column("Reference", tables_autoscaling.reference),
        Column("Targets", tables_autoscaling.targets),
        Column("MinPods", _at("spec.minReplicas", "<unset>")),
        Column("MaxPods", _at("spec.maxReplicas", 0), "integer"),
        Column("Replicas", _at("status.currentReplicas", 0), "integer"),
        _AGE,
    ),
    "jobs": (
        _NAME,
        Column("Status", tables_batch.job_status),
        Column("Completions", tables_batch.job_completions),
        Column("Duration", tables_batch.job_duration),
        _AGE,
        *_WIDE_TEMPLATE[:2],
        Column("Selector", tables_batch.job_selector, priority=1),
    ),
    "cronjobs": (
        _NAME,
        Column("Schedule", _at("spec.schedule")),
        Column("Timezone", _at("spec.timeZone")),
        Column("Suspend", tables_batch.cron_suspend),
        Column("Active", tables_batch.cron_active, "integer"),
        Column("Last Schedule", tables_batch.cron_last),
        _AGE,
        Column("Containers", _containers("name", _CRON_POD), priority=1),
        Column("Images", _containers("image", _CRON_POD), priority=1),
        Column("Selector", lambda obj, now: NONE, priority=1),
    ),
    "endpointslices": (
        _NAME,
        Column("AddressType", _at("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_endpoints),
        _AGE,
    ),
}
"""By resource; the entry `""` serves every kind without one."""
