"""Which groups, versions and resources there are, in the old form and the aggregated one."""

from __future__ import annotations

from typing import Any

from lab.cluster.embedded.kinds import KINDS, METRICS_GROUP, METRICS_KINDS, METRICS_VERSION, Kind
from lab.cluster.embedded.kinds import group_versions as stored_group_versions

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READ_VERBS = ("get", "list")
_AGGREGATED = "apidiscovery.k8s.io"


def group_versions() -> tuple[tuple[str, str], ...]:
    """All (group, version) pairs that clients may discover."""
    return (*stored_group_versions(), (METRICS_GROUP, METRICS_VERSION))


def _verbs(kind: Kind) -> list[str]:
    return list(READ_VERBS if kind.read_only else VERBS)


def aggregated_version(accept: str) -> str | None:
    """The version of the aggregated discovery document that a client prefers, or None for the old form."""
    for part in accept.split(","):
        words = {word.strip() for word in part.split(";")}
        if f"g={_AGGREGATED}" in words and "as=APIGroupDiscoveryList" in words:
            for version in ("v2", "v2beta1"):
                if f"v={version}" in words:
                    return version
    return None


def aggregated_type(version: str) -> str:
    """The content type of an aggregated document."""
    return f"application/json;g={_AGGREGATED};v={version};as=APIGroupDiscoveryList"


def aggregated(version: str, *, core: bool) -> dict[str, Any]:
    """All resources of the core group, or of all others, in one document."""
    items = [
        {
            "metadata": {"name": group or None, "creationTimestamp": None},
            "versions": [
                {
                    "version": served,
                    "resources": [_aggregated_resource(kind) for kind in _kinds(group, served)],
                    "freshness": "Current",
                }
            ],
        }
        for group, served in group_versions()
        if (group == "") == core
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": f"{_AGGREGATED}/{version}", "metadata": {}, "items": items}


def _kinds(group: str, version: str) -> tuple[Kind, ...]:
    return tuple(kind for kind in (*KINDS, *METRICS_KINDS) if (kind.group, kind.version) == (group, version))


def _aggregated_resource(kind: Kind) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": _verbs(kind),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    subresources = [
        {
            "subresource": name.partition("/")[2],
            "responseKind": {"group": group or kind.group, "version": version or kind.version, "kind": answer},
            "verbs": list(verbs),
        }
        for name, group, version, answer, verbs in _subresources(kind)
    ]
    if subresources:
        entry["subresources"] = subresources
    return entry


def _subresources(kind: Kind) -> list[tuple[str, str, str, str, tuple[str, ...]]]:
    """(name, group, version, kind, verbs) of what hangs below a resource; an empty group is the kind's own."""
    found: list[tuple[str, str, str, str, tuple[str, ...]]] = []
    if kind.read_only:
        return found
    if kind.has_status:
        found.append((f"{kind.plural}/status", "", "", kind.kind, ("get", "patch", "update")))
    if kind.scalable:
        found.append((f"{kind.plural}/scale", "autoscaling", "v1", "Scale", ("get", "patch", "update")))
    if kind.plural == "pods":
        found.append(("pods/log", "", "", "Pod", ("get",)))
        found.append(("pods/proxy", "", "", "PodProxyOptions", ("create", "delete", "get", "patch", "update")))
    if kind.plural == "services":
        found.append(("services/proxy", "", "", "ServiceProxyOptions", ("create", "delete", "get", "patch", "update")))
    return found


def core_versions(address: str) -> dict[str, Any]:
    """The old form of `GET /api`."""
    servers = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": servers}


def group_list() -> dict[str, Any]:
    """The old form of `GET /apis`."""
    groups = [_group(group, version) for group, version in group_versions() if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group_document(group: str) -> dict[str, Any] | None:
    """`GET /apis/GROUP`, or None for a group that is not served."""
    for name, version in group_versions():
        if name and name == group:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, version)}
    return None


def _group(group: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [served], "preferredVersion": served}


def resource_list(group: str, version: str) -> dict[str, Any] | None:
    """`GET /api/v1` or `GET /apis/GROUP/VERSION`, or None for one that is not served."""
    if (group, version) not in group_versions():
        return None
    resources: list[dict[str, Any]] = []
    for kind in _kinds(group, version):
        entry: dict[str, Any] = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": _verbs(kind),
        }
        if kind.short_names:
            entry["shortNames"] = list(kind.short_names)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        resources.append(entry)
        for name, other_group, other_version, answer, verbs in _subresources(kind):
            below: dict[str, Any] = {
                "name": name,
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": answer,
                "verbs": list(verbs),
            }
            if other_group:
                below |= {"group": other_group, "version": other_version}
            resources.append(below)
    served = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": served, "resources": resources}
