"""The metrics API that `kubectl top` reads: what Pods and the node use, as the kubelet sampled it last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.cluster.embedded.api.exchange import Exchange
from lab.cluster.embedded.kinds import METRICS_GROUP, METRICS_VERSION
from lab.cluster.embedded.selectors import Selection, field_requirements, label_requirements
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import Obj, Store, stamp
from lab.cluster.embedded.usage import WINDOW, ContainerUsage, UsageSource, pod_usage

API_VERSION = f"{METRICS_GROUP}/{METRICS_VERSION}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a path below the group's version names."""

    resource: str
    namespace: str | None
    name: str


def is_metrics_path(path: str) -> bool:
    """Whether a path names metrics of something."""
    return path.startswith(f"/apis/{API_VERSION}/") and path.rstrip("/") != f"/apis/{API_VERSION}"


async def send_metrics(store: Store, exchange: Exchange, source: UsageSource) -> None:
    """Answer the metrics that a path names.

    Raises:
        StatusError: 404, nothing of that name, or nothing known of it yet; 405, another method than GET.
    """
    if exchange.method != "GET":
        raise StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    asked = _asked(exchange.path)
    if asked is None:
        raise StatusError(404, "NotFound", "the server could not find the requested resource")
    labels, fields = exchange.query("labelSelector"), exchange.query("fieldSelector")
    chosen = Selection(label_requirements(labels), field_requirements(fields))
    found = _metrics(store, source, asked)
    if asked.name:
        if not found:
            text = f'{asked.resource}.{METRICS_GROUP} "{asked.name}" not found'
            raise StatusError(404, "NotFound", text, {"name": asked.name, "kind": asked.resource})
        await exchange.json(200, found[0])
        return
    kind = "NodeMetricsList" if asked.resource == "nodes" else "PodMetricsList"
    items = [item for item in found if chosen.accepts(item)]
    await exchange.json(200, {"kind": kind, "apiVersion": API_VERSION, "metadata": {}, "items": items})


def _asked(path: str) -> _Asked | None:
    match path.strip("/").split("/")[3:]:
        case ["nodes"]:
            return _Asked("nodes", None, "")
        case ["nodes", name]:
            return _Asked("nodes", None, name)
        case ["pods"]:
            return _Asked("pods", None, "")
        case ["namespaces", namespace, "pods"]:
            return _Asked("pods", namespace, "")
        case ["namespaces", namespace, "pods", name]:
            return _Asked("pods", namespace, name)
        case _:
            return None


def _metrics(store: Store, source: UsageSource, asked: _Asked) -> list[Obj]:
    def named(held: list[Obj]) -> list[Obj]:
        return [obj for obj in held if asked.name in ("", obj["metadata"]["name"])]

    if asked.resource == "nodes":
        return [node_metrics(store, source, node) for node in named(store.list("nodes"))]
    found = (pod_metrics(store, source, pod) for pod in named(store.list("pods", asked.namespace)))
    return [metrics for metrics in found if metrics is not None]


def pod_metrics(store: Store, source: UsageSource, pod: Obj) -> Obj | None:
    """The PodMetrics of a Pod; None while it does not run, or was not sampled yet."""
    found = pod_usage(source, pod) if (pod.get("status") or {}).get("phase") == "Running" else None
    if found is None:
        return None
    containers = [{"name": name, "usage": _amounts([usage])} for name, usage in found.items()]
    return {**_head(store, pod, "PodMetrics"), "containers": containers}


def node_metrics(store: Store, source: UsageSource, node: Obj) -> Obj:
    """The NodeMetrics of the node: the sum over its Pods, since the rest of the machine is not the cluster's."""
    usages: list[ContainerUsage] = []
    for pod in store.list("pods"):
        if pod["spec"].get("nodeName") == node["metadata"]["name"]:
            usages.extend((pod_usage(source, pod) or {}).values())
    return {**_head(store, node, "NodeMetrics"), "usage": _amounts(usages)}


def _head(store: Store, obj: Obj, kind: str) -> dict[str, Any]:
    now, meta = stamp(store.now()), obj["metadata"]
    shown: dict[str, Any] = {"name": meta["name"], "creationTimestamp": now}
    shown |= {key: meta[key] for key in ("namespace", "labels") if meta.get(key)}
    return {"kind": kind, "apiVersion": API_VERSION, "metadata": shown, "timestamp": now, "window": WINDOW}


def _amounts(usages: Sequence[ContainerUsage]) -> Mapping[str, str]:
    cores = sum(usage.cpu_cores for usage in usages)
    memory = sum(usage.memory_bytes for usage in usages)
    return {"cpu": f"{round(cores * 1e9)}n", "memory": f"{memory // 1024}Ki"}
