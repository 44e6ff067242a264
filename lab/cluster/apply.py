"""What `kubectl apply` does: create, or the three-way strategic patch between last applied, live and wanted."""

from __future__ import annotations

import json
from typing import Literal

from lab.cluster.client import Cluster, Object
from lab.errors import ClusterError

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_MERGE_KEYS = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath", "ports": ""}

Outcome = Literal["created", "configured", "unchanged"]


def apply(cluster: Cluster, wanted: Object) -> tuple[Object, Outcome]:
    """
    Bring one object to what the manifest says, and only that.

    Fields that another tool set and the manifest never named stay; fields that the last apply named and this one does
    not are removed. Returns the live object and what happened.

    Raises:
        ClusterError: refused; or, in a namespace that is not the lab's alone, the name is somebody else's object's.
    """
    kind, name = str(wanted["kind"]), str(wanted["metadata"]["name"])
    plain = _plain(wanted, cluster.namespace)
    target = _annotated(plain)
    live = cluster.find(kind, name)
    if live is None:
        return cluster.create(kind, target), "created"
    if cluster.scope and not _is_labelled(live, cluster.scope):
        raise ClusterError(
            "Not the lab's",
            f"{kind} {name} is in namespace {cluster.namespace} already and is not the lab's.",
            "Run `lab down`, then remove it or name another namespace in config.toml.",
        )
    last_text = live["metadata"].get("annotations", {}).get(_LAST_APPLIED)
    last: Object = json.loads(last_text) if last_text else {}
    if last == plain and _covers(live, plain):
        return live, "unchanged"
    patch = _with_deletions(target, last)
    after = cluster.patch(kind, name, patch, "strategic")
    same = after["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]
    return after, "unchanged" if same else "configured"


def _is_labelled(live: Object, scope: str) -> bool:
    name, _, value = scope.partition("=")
    return bool((live["metadata"].get("labels") or {}).get(name) == value)


def _plain(wanted: Object, namespace: str) -> Object:
    """The manifest as kubectl remembers it: with its namespace, without status."""
    metadata = {"annotations": {}, **wanted["metadata"], "namespace": namespace}
    return {**{key: value for key, value in wanted.items() if key != "status"}, "metadata": metadata}


def _annotated(plain: Object) -> Object:
    """With the annotation that lets this and kubectl's next apply know what was named; the bytes are kubectl's."""
    text = json.dumps(plain, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    annotations = {**plain["metadata"]["annotations"], _LAST_APPLIED: text + "\n"}
    return {**plain, "metadata": {**plain["metadata"], "annotations": annotations}}


def _covers(live: object, wanted: object, key: str = "") -> bool:
    """Whether the live tree already says all that the manifest says."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(_covers(live.get(name), value, name) for name, value in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(live, list):
            return False
        merge_key = _merge_key(key, wanted)
        if merge_key is None:
            return len(live) == len(wanted) and all(_covers(a, b) for a, b in zip(live, wanted, strict=True))
        by_key = {item.get(merge_key): item for item in live}
        return all(_covers(by_key.get(item[merge_key]), item) for item in wanted)
    return live == wanted


def _merge_key(key: str, items: list[Object]) -> str | None:
    """The strategic merge key of a list, from the published patchMergeKey markers; None for atomic lists."""
    if key == "ports":
        return "containerPort" if any("containerPort" in item for item in items) else "port"
    return _MERGE_KEYS.get(key)


def _with_deletions(wanted: Object, last: Object) -> Object:
    """The wanted tree plus a null, or a `$patch: delete`, for each thing only the last apply named."""
    patch: Object = dict(wanted)
    for name, before in last.items():
        if name not in wanted:
            patch[name] = None
        elif isinstance(before, dict) and isinstance(wanted[name], dict):
            patch[name] = _with_deletions(wanted[name], before)
        elif isinstance(before, list) and isinstance(wanted[name], list):
            patch[name] = _list_with_deletions(name, wanted[name], before)
    return patch


def _list_with_deletions(name: str, wanted: list[Object], last: list[Object]) -> list[Object]:
    merge_key = _merge_key(name, wanted or last)
    if merge_key is None:
        return wanted
    before = {item[merge_key]: item for item in last}
    merged = [_with_deletions(item, before.get(item[merge_key], {})) for item in wanted]
    kept = {item[merge_key] for item in wanted}
    return merged + [{merge_key: key, "$patch": "delete"} for key in before if key not in kept]
