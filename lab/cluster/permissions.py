"""What the lab must be allowed to do in a namespace, and which of it a user is not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lab.cluster.client import NAMESPACE_FURNITURE, Cluster, Object
from lab.errors import ClusterError

_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_WRITTEN = ("get", "create", "patch", "delete")
_LISTED = ("list", *_WRITTEN)
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Need:
    """One verb on one resource, as a rule of a Role would grant it."""

    verb: str
    resource: str
    """With its subresource, e.g. `pods/log`."""
    group: str = ""
    cluster_wide: bool = False

    def __str__(self) -> str:
        where = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {where}" + (" (in the whole cluster)" if self.cluster_wide else "")


def needs(objects: Iterable[Object], *, own_namespace: bool) -> tuple[Need, ...]:
    """
    Everything that the lab does from `up` to `down`, each once.

    `objects` are those of the namespace's furniture that it cannot do without; `own_namespace` says that the lab makes
    its namespace.
    """
    found = [
        *_of("", "pods", "get", "list", "watch", "delete"),
        *_of("", "pods/log", "get"),
        *_of("", "pods/proxy", "get"),
        *_of("", "services/proxy", "get", "create"),
        *_of("", "services", *_LISTED),
        *_of("", "configmaps", *_LISTED),
        *_of("", "secrets", *_LISTED),
        *_of("", "serviceaccounts", *_WRITTEN),
        *_of("apps", "deployments", *_LISTED),
        *_of("apps", "deployments/scale", "patch"),
        *_of("apps", "replicasets", "get", "list", "delete"),
    ]
    for item in objects:
        resource = NAMESPACE_FURNITURE[str(item["kind"])]
        group = resource.prefix.removeprefix("/apis/").partition("/")[0] if "/apis/" in resource.prefix else ""
        found += _of(group, resource.plural, *_WRITTEN)
    if own_namespace:
        found += [Need(verb, "namespaces", cluster_wide=True) for verb in ("get", "create", "delete")]
    return tuple(dict.fromkeys(found))


def missing(cluster: Cluster, wanted: Sequence[Need]) -> tuple[Need, ...]:
    """Those that the user of the cluster's kubeconfig is not allowed to; changes nothing."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda need: _allowed(cluster, need), wanted))
    return tuple(need for need, allowed in zip(wanted, answers, strict=True) if not allowed)


def advice(lacking: Sequence[Need], namespace: str, user: str, *, own_namespace: bool) -> str:
    """What to ask an administrator for: the rules that are missing, and one command that grants all of them."""
    lines: list[str] = []
    for wide, head in ((False, f"Rules for a Role in namespace {namespace}:"), (True, "Rules for a ClusterRole:")):
        rules = _rules([need for need in lacking if need.cluster_wide is wide])
        if rules:
            lines += [head, *(f"  - {rule}" for rule in rules)]
    grant = f"kubectl create rolebinding mlops-lab --clusterrole=admin {_subject(user)}"
    if own_namespace:
        lines += [
            'Or ask for a namespace and all that it takes, and name it in config.toml: namespace = "NAME"',
            f"  kubectl create namespace NAME; {grant} --namespace=NAME",
        ]
    else:
        lines += ["Or ask for all of it in one command:", f"  {grant} --namespace={namespace}"]
    return "\n".join(lines)


def user_of(cluster: Cluster) -> str:
    """The name that the API server knows the user by; `YOUR-NAME` where it does not tell."""
    body: Object = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        return str(cluster.ask(_WHO, body)["status"]["userInfo"]["username"])
    except (ClusterError, KeyError):
        return "YOUR-NAME"


def _of(group: str, resource: str, *verbs: str) -> list[Need]:
    return [Need(verb, resource, group) for verb in verbs]


def _allowed(cluster: Cluster, need: Need) -> bool:
    resource, _, subresource = need.resource.partition("/")
    attributes = {"verb": need.verb, "group": need.group, "resource": resource, "subresource": subresource}
    if not need.cluster_wide:
        attributes["namespace"] = cluster.namespace
    body: Object = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    return bool(cluster.ask(_REVIEW, body).get("status", {}).get("allowed", False))


def _rules(lacking: Sequence[Need]) -> list[str]:
    """Rules as one would write them: one for each resource, with every verb that is missing there."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for need in lacking:
        verbs.setdefault((need.group, need.resource), []).append(need.verb)
    return [
        f'{{apiGroups: ["{group}"], resources: ["{resource}"], verbs: {json.dumps(names)}}}'
        for (group, resource), names in verbs.items()
    ]


def _subject(user: str) -> str:
    kind, _, rest = user.partition("system:serviceaccount:")
    return f"--serviceaccount={rest}" if not kind and rest else f"--user={user}"
