"""The pods of a namespace as discovery needs them, read out of Kubernetes objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COMPONENT_LABEL = "app.kubernetes.io/name"
SCRAPE_ANNOTATION = "prometheus.io/scrape"
PORTS_ANNOTATION = "mlops-lab/ports"
"""Set by a kubelet that had to choose other ports than the manifest's: JSON, declared port to port in force."""
PORT_NAME = "http"


@dataclass(frozen=True, slots=True, order=True)
class Pod:
    """One pod that runs and has an address."""

    component: str
    name: str
    address: str
    """`IP:PORT` of the port named http."""
    release: str
    """Tag of the component's image."""
    namespace: str
    ready: bool
    """Takes requests: ready, and not on its way out."""
    scraped: bool
    """Asks Prometheus to scrape it."""


def read_pod(document: Mapping[str, Any]) -> Pod | None:
    """The pod of a Kubernetes object; None while it is not Running, has no address, or is none of our components."""
    meta, spec, status = document["metadata"], document.get("spec", {}), document.get("status", {})
    component = meta.get("labels", {}).get(COMPONENT_LABEL, "")
    annotations = meta.get("annotations") or {}
    containers = spec.get("containers", [])
    address, port = status.get("podIP"), _in_force(_port(containers), annotations.get(PORTS_ANNOTATION))
    if not component or not address or not port or status.get("phase") != "Running":
        return None
    ready = any(item.get("type") == "Ready" and item.get("status") == "True" for item in status.get("conditions") or [])
    return Pod(
        component=component,
        name=meta["name"],
        address=f"[{address}]:{port}" if ":" in address else f"{address}:{port}",
        release=_tag(containers, component),
        namespace=meta.get("namespace", ""),
        ready=ready and not meta.get("deletionTimestamp"),
        scraped=annotations.get(SCRAPE_ANNOTATION) == "true",
    )


def _port(containers: list[dict[str, Any]]) -> str:
    ports = (port for container in containers for port in container.get("ports") or [])
    return next((str(port["containerPort"]) for port in ports if port.get("name") == PORT_NAME), "")


def _in_force(declared: str, ports_in_force: str | None) -> str:
    """The port that a declared one stands for on this node."""
    if not ports_in_force:
        return declared
    return str(json.loads(ports_in_force).get(declared, declared))


def _tag(containers: list[dict[str, Any]], component: str) -> str:
    images = {container["name"]: container.get("image", "") for container in containers}
    image = images.get(component) or next(iter(images.values()), "")
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2] or "latest"
