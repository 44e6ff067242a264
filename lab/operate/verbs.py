"""The verbs of an operator, one definition each, for console, CLI, reference fixes, wrong fixes and the autopilot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lab.cluster.apply import apply
from lab.cluster.client import Object, kind_of
from lab.errors import ClusterError, LabError, NotFound, SettingsError
from lab.operate import tables
from lab.operate.baseline import rolled_out
from lab.operate.lab import Lab

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb says, and whether it changed something."""

    text: str
    changed: bool = False


def get(lab: Lab, what: str, name: str | None = None) -> Outcome:
    """`kubectl get`: a table of a kind, or of one object."""
    kind = kind_of(what)
    items = [lab.cluster.get(kind, name)] if name else lab.cluster.list(kind)
    if not items:
        return Outcome(f"No {what} found.")
    return Outcome(tables.table(kind, items, lab.around.now()))


def logs(lab: Lab, target: str, tail: int = 50) -> Outcome:
    """`kubectl logs` of a pod, or of every pod of `deployment/NAME`."""
    texts = []
    for pod in pods_of(lab, target):
        head = f"==> {pod} <==\n" if "/" in target else ""
        texts.append(head + lab.cluster.logs(pod, tail=tail).rstrip())
    return Outcome("\n".join(texts))


def pods_of(lab: Lab, target: str) -> list[str]:
    """Pod names behind `pod/NAME`, `NAME` or `deployment/NAME`."""
    kind, _, name = target.rpartition("/")
    if not kind or kind_of(kind) == "Pod":
        return [name]
    if kind_of(kind) != "Deployment":
        raise SettingsError("No logs there", f"{target} has no logs.", "Name a pod or deployment/NAME.")
    labels = lab.cluster.get("Deployment", name)["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    found = [str(pod["metadata"]["name"]) for pod in lab.cluster.list("Pod", selector)]
    if not found:
        raise NotFound("No pods", f"{target} has no pods now.", "See `get deployments`.")
    return found


def rollout_status(lab: Lab, target: str) -> Outcome:
    """Whether a roll-out is done, and how far it is."""
    item = lab.cluster.get("Deployment", deployment_name(target))
    name, status = item["metadata"]["name"], item.get("status", {})
    if rolled_out(item):
        return Outcome(f'deployment "{name}" successfully rolled out')
    wanted = item["spec"].get("replicas", 1)
    ready = status.get("availableReplicas", 0)
    return Outcome(
        f'waiting for deployment "{name}": {status.get("updatedReplicas", 0)} of {wanted} new, {ready} available'
    )


def rollout_history(lab: Lab, target: str) -> Outcome:
    """Revisions of a Deployment with the image of each."""
    rows = [("REVISION", "IMAGE")]
    for revision, replica_set in _revisions(lab, deployment_name(target)):
        rows.append((str(revision), _image(replica_set["spec"]["template"])))
    return Outcome(tables.aligned(rows))


def rollout_undo(lab: Lab, target: str, to_revision: int | None = None) -> Outcome:
    """`kubectl rollout undo`: the template of the revision before, or of the one named."""
    name = deployment_name(target)
    live = lab.cluster.get("Deployment", name)
    current = int(live["metadata"].get("annotations", {}).get(_REVISION, "0"))
    revisions = dict(_revisions(lab, name))
    earlier = [number for number in revisions if number < current]
    wanted = to_revision if to_revision is not None else max(earlier, default=0)
    if wanted not in revisions:
        known = ", ".join(str(number) for number in sorted(revisions))
        raise ClusterError("Nothing to undo to", f"{name} has no revision {wanted}.", f"Revisions: {known}.")
    template: Object = {**revisions[wanted]["spec"]["template"]}
    meta = dict(template.get("metadata", {}))
    meta["labels"] = {key: value for key, value in meta.get("labels", {}).items() if key != _HASH}
    template["metadata"] = meta
    lab.cluster.patch("Deployment", name, [{"op": "replace", "path": "/spec/template", "value": template}], "json")
    return Outcome(f"deployment.apps/{name} rolled back to revision {wanted} ({_image(template)})", changed=True)


def rollout_restart(lab: Lab, target: str) -> Outcome:
    """`kubectl rollout restart`: new pods of the same template."""
    name = deployment_name(target)
    at = datetime.fromtimestamp(lab.around.now(), UTC).isoformat(timespec="seconds")
    stamp = {"kubectl.kubernetes.io/restartedAt": at}
    lab.cluster.patch("Deployment", name, {"spec": {"template": {"metadata": {"annotations": stamp}}}})
    return Outcome(f"deployment.apps/{name} restarted", changed=True)


def scale(lab: Lab, target: str, replicas: int) -> Outcome:
    """`kubectl scale --replicas`."""
    name = deployment_name(target)
    lab.cluster.patch("Deployment", name, {"spec": {"replicas": replicas}}, "merge", subresource="scale")
    return Outcome(f"deployment.apps/{name} scaled to {replicas}", changed=True)


def set_env(lab: Lab, target: str, values: Mapping[str, str]) -> Outcome:
    """`kubectl set env` on every container of a Deployment."""
    name = deployment_name(target)
    containers = lab.cluster.get("Deployment", name)["spec"]["template"]["spec"]["containers"]
    entries = [{"name": key, "value": value} for key, value in values.items()]
    patch = [{"name": container["name"], "env": entries} for container in containers]
    lab.cluster.patch("Deployment", name, {"spec": {"template": {"spec": {"containers": patch}}}})
    return Outcome(f"deployment.apps/{name} env updated: {', '.join(values)}", changed=True)


def set_image(lab: Lab, target: str, image: str) -> Outcome:
    """`kubectl set image`: a full image, or a tag of the image that runs."""
    name = deployment_name(target)
    container = lab.cluster.get("Deployment", name)["spec"]["template"]["spec"]["containers"][0]
    full = image if ":" in image else f"{str(container['image']).rpartition(':')[0]}:{image}"
    if full.startswith("mlops-lab/") and lab.engine.choice.images:
        full = f"{lab.engine.choice.images}/{full}"
    patch = {"spec": {"template": {"spec": {"containers": [{"name": container["name"], "image": full}]}}}}
    lab.cluster.patch("Deployment", name, patch)
    return Outcome(f"deployment.apps/{name} image updated: {full}", changed=True)


def delete_pod(lab: Lab, name: str) -> Outcome:
    """`kubectl delete pod`; its ReplicaSet makes another one."""
    lab.cluster.get("Pod", name)
    lab.cluster.delete("Pod", name)
    return Outcome(f'pod "{name}" deleted', changed=True)


def apply_repo(lab: Lab, below: str = ".") -> Outcome:
    """Apply the manifests of the platform repo below a path."""
    lines = []
    stale: dict[str, None] = {}
    for item in lab.repo.objects(below):
        _, outcome = apply(lab.cluster, item)
        lines.append(f"{str(item['kind']).lower()}/{item['metadata']['name']} {outcome}")
        owner = (item["metadata"].get("labels") or {}).get("app.kubernetes.io/name")
        if item["kind"] == "ConfigMap" and outcome == "configured" and owner:
            stale[str(owner)] = None
    for name in stale:
        lines.append(f"{name} takes its changed configuration after: rollout restart deployment/{name}")
    changed = any(not line.endswith("unchanged") for line in lines)
    return Outcome("\n".join(lines) or "Nothing to apply there.", changed=changed)


def git_log(lab: Lab, limit: int = 10) -> Outcome:
    """The newest commits of the platform repo."""
    now = lab.around.now()
    rows = [(c.short, tables.age(now - c.at), c.author, c.subject) for c in lab.repo.log(limit)]
    return Outcome(tables.aligned(rows))


def git_show(lab: Lab, sha: str) -> Outcome:
    """One commit with its diff."""
    return Outcome(lab.repo.show(sha))


def git_revert(lab: Lab, sha: str) -> Outcome:
    """Commit the opposite of a commit; `apply` brings it to the cluster."""
    new = lab.repo.revert(sha)
    return Outcome(f"reverted {sha[:7]} in {new[:7]}; bring it to the cluster with: apply .", changed=True)


def query(lab: Lab, promql: str) -> Outcome:
    """An instant query, one line a series."""
    samples = lab.prometheus.instant(promql)
    if not samples:
        return Outcome("no data")
    rows = []
    for sample in samples:
        labels = {key: value for key, value in sample.labels.items() if key != "__name__"}
        shown = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        rows.append((f"{sample.labels.get('__name__', '')}{{{shown}}}" if shown else promql, f"{sample.value:.6g}"))
    return Outcome(tables.aligned(rows))


def alerts(lab: Lab) -> Outcome:
    """Alerts that are pending or firing."""
    now = lab.around.now()
    rows = [
        (alert.state.upper(), alert.name, tables.age(now - alert.since), alert.annotations.get("summary", ""))
        for alert in lab.prometheus.alerts()
    ]
    return Outcome(tables.aligned(rows) if rows else "No alert is active.")


def deployment_name(target: str) -> str:
    """NAME of `deployment/NAME`, `deploy/NAME` or `NAME`; raises NotFound for another kind."""
    kind, _, name = target.rpartition("/")
    if kind and kind_of(kind) != "Deployment":
        raise NotFound("Not a deployment", f"{target} is no deployment.", "Name it like deployment/model-server.")
    if not name:
        raise LabError("No name", "which deployment is meant was not said.", "Name it like deployment/model-server.")
    return name


def _revisions(lab: Lab, name: str) -> list[tuple[int, Object]]:
    owner = lab.cluster.get("Deployment", name)["metadata"]["uid"]
    found = []
    for item in lab.cluster.list("ReplicaSet"):
        owners = item["metadata"].get("ownerReferences", [])
        number = item["metadata"].get("annotations", {}).get(_REVISION)
        if number and any(reference["uid"] == owner for reference in owners):
            found.append((int(number), item))
    return sorted(found, key=lambda pair: pair[0])


def _image(template: Object) -> str:
    return str(template["spec"]["containers"][0]["image"])
