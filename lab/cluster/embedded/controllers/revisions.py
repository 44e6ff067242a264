"""Revisions of a Deployment: one ReplicaSet per Pod template, numbered as `rollout history` and `undo` read them."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass

from lab.cluster.embedded.controllers.common import (
    controller_reference,
    is_leaving,
    owned_by,
    owner_of,
    selects,
    with_meta,
    without_keys,
)
from lab.cluster.embedded.store import SUFFIX_LETTERS, Obj, Store

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NOT_COPIED = (LAST_APPLIED, REVISION, DESIRED, MAXIMUM, "deployment.kubernetes.io/revision-history",
              "deprecated.deployment.rollback.to")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Revisions:
    """The ReplicaSets of a Deployment: the one of its present template, if any, and the others, oldest first."""

    new: Obj | None
    old: tuple[Obj, ...]

    @property
    def all(self) -> tuple[Obj, ...]:
        """All of them, the present one last."""
        return (*self.old, self.new) if self.new is not None else self.old


def revision_of(obj: Obj) -> int:
    """The revision number of a ReplicaSet or Deployment, 0 for none."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def template_hash(template: Obj) -> str:
    """Ten letters that stand for a Pod template."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(SUFFIX_LETTERS[byte % len(SUFFIX_LETTERS)] for byte in digest[:10])


def same_template(first: Obj, second: Obj) -> bool:
    """Whether two Pod templates are equal, the hash label left aside."""
    return _plain(first) == _plain(second)


def _plain(template: Obj) -> Obj:
    meta = dict(template.get("metadata") or {})
    meta["labels"] = without_keys(meta.get("labels"), (HASH_LABEL,))
    meta = {key: value for key, value in meta.items() if value not in (None, {}) and key != "creationTimestamp"}
    return {**template, "metadata": meta}


def find_revisions(store: Store, deployment: Obj) -> Revisions:
    """The ReplicaSets of the Deployment, adopting those without a controller that its selector takes."""
    meta, spec = deployment["metadata"], deployment["spec"]
    owned: list[Obj] = []
    for replica_set in store.list("replicasets", meta["namespace"]):
        if owned_by(replica_set, meta["uid"]):
            owned.append(replica_set)
        elif (
            owner_of(replica_set) is None
            and not is_leaving(replica_set)
            and not is_leaving(deployment)
            and selects(spec.get("selector"), replica_set["metadata"].get("labels"))
        ):
            references = [*(replica_set["metadata"].get("ownerReferences") or ()), controller_reference(deployment)]
            owned.append(store.update("replicasets", with_meta(replica_set, ownerReferences=references)))
    owned.sort(key=lambda held: (held["metadata"]["creationTimestamp"], revision_of(held), held["metadata"]["name"]))
    new = next((held for held in owned if same_template(held["spec"]["template"], spec["template"])), None)
    return Revisions(new, tuple(held for held in owned if held is not new))


def new_replica_set(deployment: Obj, revision: int, replicas: int) -> Obj:
    """The ReplicaSet for the Deployment's present template."""
    meta, spec = deployment["metadata"], deployment["spec"]
    template = copy.deepcopy(spec["template"])
    digest = template_hash(_plain(template))
    template_meta = template.setdefault("metadata", {})
    template_meta["labels"] = {**(template_meta.get("labels") or {}), HASH_LABEL: digest}
    selector = copy.deepcopy(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": dict(template_meta["labels"]),
            "annotations": revision_annotations(deployment, {}, revision),
            "ownerReferences": [controller_reference(deployment)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": selector,
            "template": template,
        },
        "status": {"replicas": 0},
    }


def revision_annotations(deployment: Obj, before: dict[str, str], revision: int) -> dict[str, str]:
    """Annotations of the present ReplicaSet: the Deployment's own (the change cause among them), and the numbers."""
    copied = without_keys(deployment["metadata"].get("annotations"), NOT_COPIED)
    return {**without_keys(before, ()), **copied, **size_annotations(deployment), REVISION: str(revision)}


def size_annotations(deployment: Obj) -> dict[str, str]:
    """The size that a ReplicaSet was last scaled for."""
    replicas = deployment["spec"].get("replicas", 1)
    return {DESIRED: str(replicas), MAXIMUM: str(replicas + surge_and_unavailable(deployment)[0])}


def surge_and_unavailable(deployment: Obj) -> tuple[int, int]:
    """maxSurge rounded up and maxUnavailable rounded down, in Pods; never both 0 for a rolling update."""
    strategy = deployment["spec"].get("strategy") or {}
    replicas = deployment["spec"].get("replicas", 1)
    if strategy.get("type") == "Recreate":
        return 0, replicas
    rolling = strategy.get("rollingUpdate") or {}
    surge = _in_pods(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = _in_pods(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    return (surge, 1) if surge == 0 and unavailable == 0 else (surge, min(unavailable, replicas))


def _in_pods(value: int | str, replicas: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        hundredths = int(value[:-1]) * replicas
        return -(-hundredths // 100) if up else hundredths // 100
    return int(value)
