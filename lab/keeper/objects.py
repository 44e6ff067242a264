"""Whose change: the stack's objects as they are, and what differs from what the keeper knew, in one line each."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lab.cluster.client import Cluster, Object

WATCHED = ("Deployment", "ConfigMap", "Service", "Secret")
"""Kinds whose changes are recorded; owned objects, status and what the cluster itself makes are nobody's change."""

ALIAS, VERSION = "Alias", "Version"
"""Kinds of what the model registry holds; their text is the version and the hash of the file."""

_LABS_OWN = ("kube-root-ca.crt",)


def snapshot(cluster: Cluster) -> dict[str, str]:
    """`KIND/NAME` to a canonical text of what people write there; status and bookkeeping are left out."""
    known: dict[str, str] = {}
    for kind in WATCHED:
        for item in cluster.list(kind):
            name = str(item["metadata"]["name"])
            if name in _LABS_OWN or item.get("type") == "kubernetes.io/service-account-token":
                continue
            known[f"{kind}/{name}"] = _canonical(kind, item)
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
            yield kind, name, "deleted"
        else:
            yield kind, name, _describe(json.loads(old), json.loads(new))


def _happened(old: str | None, new: str | None) -> str:
    if old is None:
        return "registered"
    return "gone" if new is None else "has another file"


def _canonical(kind: str, item: Object) -> str:
    match kind:
        case "Deployment" | "Service":
            body = item["spec"]
        case "ConfigMap" | "Secret":
            body = {"data": item.get("data", {}), "stringData": item.get("stringData", {})}
        case _:
            body = item
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def _describe(old: Object, new: Object) -> str:
    """`replicas 2 -> 0`, `image 2.4.0 -> 2.3.1`, `env DEADLINE_MS 3000 -> 200`; else the paths that changed."""
    parts: list[str] = []
    for path, before, after in _leaves(_by_name(old), _by_name(new)):
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
