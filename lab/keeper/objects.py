"""Whose change: the stack's objects as they are, and what differs from what the keeper knew, in one line each."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lab.cluster.client import Cluster, Object
from lab.errors import NotAllowed, NotFound

WATCHED = ("Deployment", "ConfigMap", "Service", "Secret")
"""Kinds whose changes are recorded; owned objects, status and what the cluster itself makes are nobody's change."""

ALIAS, VERSION = "Alias", "Version"
"""Kinds of what the model registry holds; their text is the version and the hash of the file."""


AUTOSCALER = "HorizontalPodAutoscaler"
OWN_TOOLS = (AUTOSCALER, "CronJob", "Job")
"""Kinds of which the stack has none: whatever there is of them, somebody made. Not every cluster shows them to us."""

AUTOSCALED = "autoscaled"
"""Stands for the replicas of a workload that an autoscaler sets: those are never anybody's change."""

_LABS_OWN = ("kube-root-ca.crt",)
_BY_HAND = ("cronjob.kubernetes.io/instantiate", "manual")
"""Annotation of a Job that a person started from a CronJob, which owns it like those that it started itself."""
_CLEANED = "cleanedUp"
"""Marks a Job that the cluster itself will delete when it is over."""


def snapshot(cluster: Cluster) -> dict[str, str]:
    """`KIND/NAME` to a canonical text of what people write there; status and bookkeeping are left out."""
    found = {kind: cluster.list(kind) for kind in WATCHED}
    found |= {kind: _shown_to_us(cluster, kind) for kind in OWN_TOOLS}
    if cluster.scope:
        ours = {("Deployment", str(item["metadata"]["name"])) for item in found["Deployment"]}
        found[AUTOSCALER] = [scaler for scaler in found[AUTOSCALER] if _target(scaler) in ours]
    autoscaled = {_target(scaler) for scaler in found[AUTOSCALER]}
    known: dict[str, str] = {}
    for kind, items in found.items():
        for item in items:
            name = str(item["metadata"]["name"])
            if name in _LABS_OWN or item.get("type") == "kubernetes.io/service-account-token" or _is_made(kind, item):
                continue
            known[f"{kind}/{name}"] = _canonical(kind, item, is_autoscaled=(kind, name) in autoscaled)
    return known


def differences(before: dict[str, str], after: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Kind, name and one line for each object that was added, removed or changed."""
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        kind, _, name = key.partition("/")
        if kind == ALIAS:
            yield kind, "registry", f"alias {name} {old or 'none'} -> {new or 'none'}"
        elif kind == VERSION:
            yield kind, "registry", f"version {name} {_happened(old, new)}"
        elif old is None:
            yield kind, name, "created"
        elif new is None:
            if not (kind == "Job" and json.loads(old)[_CLEANED]):
                yield kind, name, "deleted"
        elif told := _describe(json.loads(old), json.loads(new)):
            yield kind, name, told


def _happened(old: str | None, new: str | None) -> str:
    if old is None:
        return "registered"
    return "gone" if new is None else "has another file"


def _shown_to_us(cluster: Cluster, kind: str) -> list[Object]:
    """The objects of a kind, none where the cluster does not serve it or keeps it from the lab's account."""
    try:
        return cluster.list(kind, unscoped=kind == AUTOSCALER)  # tools that make one give it no label
    except (NotFound, NotAllowed):
        return []


def _target(scaler: Object) -> tuple[str, str]:
    reference = scaler["spec"]["scaleTargetRef"]
    return str(reference["kind"]), str(reference["name"])


def _is_made(kind: str, item: Object) -> bool:
    """Whether a controller made the object: a Job of a CronJob, unless a person asked for it."""
    if kind != "Job" or _BY_HAND in (item["metadata"].get("annotations") or {}).items():
        return False
    return _is_owned(item)


def _is_owned(item: Object) -> bool:
    return any(owner.get("controller") for owner in item["metadata"].get("ownerReferences") or ())


def _canonical(kind: str, item: Object, *, is_autoscaled: bool) -> str:
    match kind:
        case "Deployment" if is_autoscaled:
            body = {**item["spec"], "replicas": AUTOSCALED}
        case "Deployment" | "Service" | "HorizontalPodAutoscaler" | "CronJob":
            body = item["spec"]
        case "Job":
            expires = "ttlSecondsAfterFinished" in item["spec"]
            body = {**item["spec"], _CLEANED: expires or _is_owned(item)}
        case "ConfigMap" | "Secret":
            body = {"data": item.get("data", {}), "stringData": item.get("stringData", {})}
        case _:
            body = item
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def _describe(old: Object, new: Object) -> str:
    """
    `replicas 2 -> 0`, `image 2.4.0 -> 2.3.1`, `env DEADLINE_MS 3000 -> 200`; else the paths that changed.

    Empty where nothing but an autoscaler's hold on the replicas came or went.
    """
    found = list(_leaves(_by_name(old), _by_name(new)))
    leaves = [leaf for leaf in found if not (leaf[0] == ("replicas",) and AUTOSCALED in leaf[1:])]
    if found and not leaves:
        return ""
    parts: list[str] = []
    for path, before, after in leaves:
        last = path[-1]
        if last == "image":
            parts.append(f"image {_tag(before)} -> {_tag(after)}")
        elif last == "replicas":
            parts.append(f"replicas {before} -> {after}")
        elif last == "value" and len(path) >= 3 and path[-3] == "env":
            parts.append(f"env {path[-2]} {_shown(before)} -> {_shown(after)}")
        elif last == "name" and len(path) >= 3 and path[-3] == "env":
            continue
        elif last == "kubectl.kubernetes.io/restartedAt":
            parts.append("restarted")
        else:
            parts.append(f"{'.'.join(path)} changed")
    return ", ".join(dict.fromkeys(parts)) or "changed"


def _tag(image: object) -> str:
    return str(image).rpartition(":")[2] if image is not None else "none"


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


def _by_name(tree: object) -> object:
    """Lists of named things as mappings, so that order does not matter and paths can be read."""
    if isinstance(tree, dict):
        return {str(key): _by_name(value) for key, value in tree.items()}
    if isinstance(tree, list):
        if tree and all(isinstance(item, dict) and "name" in item for item in tree):
            return {str(item["name"]): _by_name(item) for item in tree}
        return {str(index): _by_name(item) for index, item in enumerate(tree)}
    return tree


def _leaves(old: object, new: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object, object]]:
    if isinstance(old, dict) or isinstance(new, dict):
        left = old if isinstance(old, dict) else {}
        right = new if isinstance(new, dict) else {}
        for key in sorted(left.keys() | right.keys()):
            yield from _leaves(left.get(key), right.get(key), (*path, key))
    elif old != new:
        yield path or ("object",), old, new
