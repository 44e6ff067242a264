"""Bringing the stack to its baseline: first start and reset, both declarative, both ending at Ready."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event

from lab.cluster.apply import apply
from lab.cluster.client import LEARNERS_OWN, Cluster, Object
from lab.cluster.pods import remove_ended
from lab.cluster.provision import ImageSpec
from lab.errors import ClusterError, ClusterTimeout, ClusterUnavailable, MissingError, NotFound
from lab.operate.platform import PlatformRepo, previous_tags

Say = Callable[[str], None]

COMPONENT_FOLDERS: Mapping[str, str] = {
    "accelerator": "accelerator",
    "billing": "billing",
    "discovery": "discovery",
    "feed": "feed",
    "gateway": "gateway",
    "model-server": "model_server",
    "monitor": "monitor",
    "registry": "registry",
}
"""Components of ours to their folder in `stack/`."""

_KINDS_OF_LEARNERS = ("Deployment", "Service", "ConfigMap", "Secret")
OPTION_MARK = ("app.kubernetes.io/component", "option")
"""The label of what a lab has beside its stack."""
_KEPT_CONFIG_MAPS = ("kube-root-ca.crt",)
_TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105
_POLL_SECONDS = 0.1
_LOOK_AT_IMAGES_SECONDS = 4.0
_PULL_SECONDS = 20.0
_NEVER_PULLED = ("ErrImageNeverPull", "InvalidImageName")
NOT_PULLED = ("ImagePullBackOff", *_NEVER_PULLED)
"""Reasons that a container waits for when its image cannot be had."""


def shipped_images(stack_root: Path) -> tuple[ImageSpec, ...]:
    """Every release that the components ship with."""
    return tuple(
        ImageSpec(component, path.stem, path)
        for component, folder in COMPONENT_FOLDERS.items()
        for path in sorted((stack_root / folder / "releases").glob("*.yaml"))
    )


def deploy_baseline(cluster: Cluster, repo: PlatformRepo, source: Path) -> None:
    """
    Apply the platform repo so that every component of ours has one earlier good revision behind it.

    The earlier tags are applied with no replicas first: their ReplicaSets exist, `rollout undo` can go there, and
    nothing is started twice.
    """
    objects = repo.objects()
    earlier = previous_tags(source)
    deployments = [item for item in objects if item["kind"] == "Deployment"]
    for item in objects:
        if item["kind"] != "Deployment":
            apply(cluster, item)
    staged = [item for item in deployments if item["metadata"]["name"] in earlier]
    for item in deployments:
        name = str(item["metadata"]["name"])
        apply(cluster, _staged(item, earlier[name]) if item in staged else item)
    for item in staged:
        _await_revision(cluster, str(item["metadata"]["name"]))
    for item in staged:
        apply(cluster, item)


def await_ready(cluster: Cluster, deadline_seconds: float, say: Say, stop: Event) -> None:
    """
    Wait until every Deployment of the stack is rolled out and available.

    Raises:
        ClusterTimeout: it did not within the deadline; says which, and what their pods say.
        MissingError: nodes lack images that they may not pull, or went on failing to pull for a while; says which.
    """
    started = time.monotonic()
    end, look = started + deadline_seconds, started + _LOOK_AT_IMAGES_SECONDS
    waiting: set[str] = set()
    while True:
        now_waiting = {item["metadata"]["name"] for item in stack_deployments(cluster) if not rolled_out(item)}
        for name in sorted(waiting - now_waiting):
            say(f"{name} is ready")
        waiting = now_waiting
        if not waiting:
            return
        if (now := time.monotonic()) > look:
            _require_images(cluster, NOT_PULLED if now > started + _PULL_SECONDS else _NEVER_PULLED)
            look = now + _LOOK_AT_IMAGES_SECONDS
        if time.monotonic() > end or stop.wait(_POLL_SECONDS):
            raise ClusterTimeout(
                "The stack did not get ready",
                "\n".join(_trouble(cluster, name) for name in sorted(waiting)),
                "Look with `lab ops logs deployment/NAME`; `lab reset` starts again.",
            )


def is_option(item: Object) -> bool:
    """Whether an object belongs to an option; the stack is ready, and whole, without those."""
    key, value = OPTION_MARK
    return bool((item["metadata"].get("labels") or {}).get(key) == value)


def stack_deployments(cluster: Cluster) -> list[Object]:
    """Every Deployment but those of options."""
    return [item for item in cluster.list("Deployment") if not is_option(item)]


def _require_images(cluster: Cluster, reasons: tuple[str, ...]) -> None:
    """Raise MissingError when pods of the stack wait for images for one of these reasons."""
    lacking = {
        str(state.get("image", ""))
        for pod in cluster.list("Pod")
        if not is_option(pod)
        for state in pod.get("status", {}).get("containerStatuses", [])
        if (state.get("state", {}).get("waiting") or {}).get("reason") in reasons
    }
    if lacking:
        raise MissingError(
            "Images are missing",
            "nodes of the cluster do not have, and cannot get:\n"
            + "\n".join(f"  {image}" for image in sorted(lacking)),
            "Put them where the nodes find them (docs/anywhere.md), then run `lab up` again.",
        )


def rolled_out(deployment: Object) -> bool:
    """What `kubectl rollout status` waits for."""
    status, spec = deployment.get("status", {}), deployment["spec"]
    wanted = spec.get("replicas", 1)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("replicas", 0) <= status.get("updatedReplicas", 0)
        and status.get("availableReplicas", 0) >= wanted
    )


def floor_of(deployment: Object) -> int:
    """Replicas less `maxUnavailable`, a number or a percentage rounded down; 25 % where the manifest says nothing."""
    spec = deployment["spec"]
    replicas = int(spec.get("replicas", 1))
    allowed = spec.get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable", "25%")
    if isinstance(allowed, str) and allowed.endswith("%"):
        return replicas - replicas * int(allowed[:-1]) // 100
    return replicas - int(allowed)


def clear(cluster: Cluster, keep: tuple[Object, ...], stop: Event, deadline_seconds: float = 30.0) -> None:
    """
    Delete every Deployment with its pods, and every object that the baseline does not name.

    Returns when nothing is left that could start a pod and every pod is on its way out, which `await_gone` waits for.
    """
    kept = {(item["kind"], item["metadata"]["name"]) for item in keep if item["kind"] != "Deployment"}
    for kind in (*_KINDS_OF_LEARNERS, *LEARNERS_OWN):
        for item in _served(cluster, kind):
            name = item["metadata"]["name"]
            if (kind, name) not in kept and name not in _KEPT_CONFIG_MAPS and item.get("type") != _TOKEN_TYPE:
                cluster.delete(kind, name)
    for owned in cluster.list("ReplicaSet"):
        cluster.delete("ReplicaSet", owned["metadata"]["name"])
    end = time.monotonic() + deadline_seconds
    while True:
        staying = [pod for pod in cluster.list("Pod") if not pod["metadata"].get("deletionTimestamp")]
        for pod in staying:
            cluster.delete("Pod", pod["metadata"]["name"], grace_seconds=1)
        if not staying and not cluster.list("ReplicaSet"):
            return
        if time.monotonic() > end or stop.wait(_POLL_SECONDS):
            raise _not_cleared(cluster)


def await_gone(cluster: Cluster, stop: Event, deadline_seconds: float = 30.0) -> None:
    """
    Wait until no pod is ending any more; those that run nothing are removed.

    Raises:
        ClusterTimeout: some still are.
    """
    end = time.monotonic() + deadline_seconds
    while remove_ended(cluster):
        if time.monotonic() > end or stop.wait(_POLL_SECONDS):
            raise _not_cleared(cluster)


def _served(cluster: Cluster, kind: str) -> list[Object]:
    """The objects of a kind, none where the cluster does not serve it or keeps it from this account."""
    if kind not in LEARNERS_OWN:
        return cluster.list(kind)
    try:
        return cluster.list(kind)
    except ClusterUnavailable:
        raise
    except ClusterError:
        return []


def _not_cleared(cluster: Cluster) -> ClusterTimeout:
    left = ", ".join(pod["metadata"]["name"] for pod in cluster.list("Pod"))
    return ClusterTimeout("Reset did not finish", f"still there: {left}.", "Run `lab down`, then `lab up`.")


def fingerprint(cluster: Cluster, head: str, registry: Sequence[Mapping[str, str]]) -> str:
    """A text that changes when anybody changes what is deployed, committed or registered."""
    rows = [f"commit {head}", *(f"registry {key} {value}" for part in registry for key, value in part.items())]
    for kind in _KINDS_OF_LEARNERS:
        for item in cluster.list(kind):
            meta = item["metadata"]
            mark = meta.get("generation") if kind == "Deployment" else meta["resourceVersion"]
            rows.append(f"{kind} {meta['name']} {meta['uid']} {mark}")
    for kind in LEARNERS_OWN:
        for item in _served(cluster, kind):
            spec = json.dumps(item.get("spec", {}), sort_keys=True)
            rows.append(f"{kind} {item['metadata']['name']} {item['metadata']['uid']} {spec}")
    return json.dumps(sorted(rows))


def _staged(deployment: Object, tag: str) -> Object:
    """The Deployment at an earlier tag, with no replicas."""
    staged: Object = json.loads(json.dumps(deployment))
    container = staged["spec"]["template"]["spec"]["containers"][0]
    container["image"] = f"{container['image'].rpartition(':')[0]}:{tag}"
    staged["spec"]["replicas"] = 0
    return staged


def _await_revision(cluster: Cluster, name: str, deadline_seconds: float = 10.0) -> None:
    end = time.monotonic() + deadline_seconds
    pause = Event()
    while time.monotonic() < end:
        try:
            live = cluster.get("Deployment", name)
        except NotFound:
            live = {"metadata": {}}
        if live["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision"):
            return
        pause.wait(_POLL_SECONDS / 2)
    raise ClusterTimeout("No roll-out", f"{name} got no revision.", "Run `lab down`, then `lab up`.")


def _trouble(cluster: Cluster, name: str) -> str:
    """One line on a Deployment that is not ready: what its pods wait for."""
    reasons = []
    for pod in cluster.list("Pod", f"app.kubernetes.io/name={name}"):
        status = pod.get("status", {})
        for condition in status.get("conditions", []):
            if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
                reasons.append(f"{pod['metadata']['name']}: no node for it: {condition.get('message', '')}")
        for state in status.get("containerStatuses", []):
            waiting = state.get("state", {}).get("waiting") or state.get("lastState", {}).get("terminated") or {}
            reasons.append(
                f"{pod['metadata']['name']}: {waiting.get('reason', 'not ready')} {waiting.get('message', '')}"
            )
    return f"{name}: " + ("; ".join(reason.strip() for reason in reasons) or "no pods")
