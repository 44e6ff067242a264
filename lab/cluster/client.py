"""The one thin layer over the official client: objects in and out as JSON trees, errors as people meet them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from lab.cluster.connection import api_client
from lab.errors import ClusterError, ClusterUnavailable, NotAllowed, NotFound, NotSupported

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Object = dict[str, Any]
"""A Kubernetes object as JSON; its shape is the published API's, so it has no type of ours."""

PatchType = Literal["strategic", "merge", "json"]

_PATCH_CONTENT: Mapping[PatchType, str] = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}
_FIELD_MANAGER = "mlops-lab"
REQUEST_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a kind lives in the API."""

    prefix: str
    plural: str
    namespaced: bool = True
    aliases: tuple[str, ...] = ()


RESOURCES: Mapping[str, Resource] = {
    "Namespace": Resource("/api/v1", "namespaces", namespaced=False, aliases=("ns", "namespace")),
    "Node": Resource("/api/v1", "nodes", namespaced=False, aliases=("no", "node")),
    "Pod": Resource("/api/v1", "pods", aliases=("po", "pod")),
    "Service": Resource("/api/v1", "services", aliases=("svc", "service")),
    "ConfigMap": Resource("/api/v1", "configmaps", aliases=("cm", "configmap")),
    "Secret": Resource("/api/v1", "secrets", aliases=("secret",)),
    "ServiceAccount": Resource("/api/v1", "serviceaccounts", aliases=("sa", "serviceaccount")),
    "Event": Resource("/api/v1", "events", aliases=("ev", "event")),
    "Deployment": Resource("/apis/apps/v1", "deployments", aliases=("deploy", "deployment")),
    "ReplicaSet": Resource("/apis/apps/v1", "replicasets", aliases=("rs", "replicaset")),
    "EndpointSlice": Resource("/apis/discovery.k8s.io/v1", "endpointslices", aliases=("endpointslice",)),
    "Job": Resource("/apis/batch/v1", "jobs", aliases=("job",)),
    "CronJob": Resource("/apis/batch/v1", "cronjobs", aliases=("cj", "cronjob")),
    "HorizontalPodAutoscaler": Resource("/apis/autoscaling/v2", "horizontalpodautoscalers", aliases=("hpa",)),
}

NAMESPACE_FURNITURE: Mapping[str, Resource] = {
    "Role": Resource("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": Resource("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "ResourceQuota": Resource("/api/v1", "resourcequotas"),
    "LimitRange": Resource("/api/v1", "limitranges"),
    "NetworkPolicy": Resource("/apis/networking.k8s.io/v1", "networkpolicies"),
}
"""Kinds that only real clusters serve; the lab puts them there, and no verb of an operator names them."""

LEARNERS_OWN: Mapping[str, Resource] = {
    **{kind: RESOURCES[kind] for kind in ("HorizontalPodAutoscaler", "CronJob", "Job")},
    "PodDisruptionBudget": Resource("/apis/policy/v1", "poddisruptionbudgets"),
    "StatefulSet": Resource("/apis/apps/v1", "statefulsets"),
    "DaemonSet": Resource("/apis/apps/v1", "daemonsets"),
    "Ingress": Resource("/apis/networking.k8s.io/v1", "ingresses"),
    "PersistentVolumeClaim": Resource("/api/v1", "persistentvolumeclaims"),
}
"""Kinds that the stack has none of, and that people may make with tools of their own where they are served."""

_UNLABELLED = ("Event", "Namespace", "Node")
"""Kinds whose objects carry no labels of ours."""


def kind_of(word: str) -> str:
    """The kind that a person means by `deploy` or `deployments`; raises NotFound with what would be accepted."""
    lowered = word.lower()
    for kind, resource in RESOURCES.items():
        if lowered in (kind.lower(), resource.plural, *resource.aliases):
            return kind
    known = ", ".join(sorted(resource.plural for resource in RESOURCES.values()))
    raise NotFound("Unknown kind", f"there is no kind {word!r} here.", f"Use one of: {known}.")


class Cluster:
    """One namespace of one Kubernetes API."""

    def __init__(
        self, kubeconfig: Path, namespace: str, environ: Mapping[str, str] | None = None, *, scope: str = ""
    ) -> None:
        """
        `environ` names the user's proxies, if any; loopback is never asked through one. `scope` is a label as
        `name=value` that `list` narrows to, for a namespace that is not the lab's alone.
        """
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        self._environ = environ or {}
        self.scope = scope
        self._api: tuple[tuple[int, int], ApiClient] | None = None

    def close(self) -> None:
        """Let go of kept connections; the next call opens new ones."""
        if self._api is not None:
            self._api[1].rest_client.pool_manager.clear()
            self._api = None

    def get(self, kind: str, name: str) -> Object:
        """The object; raises NotFound."""
        return self._json("GET", self._path(kind, name))

    def find(self, kind: str, name: str) -> Object | None:
        """The object, or None when there is none."""
        try:
            return self.get(kind, name)
        except NotFound:
            return None

    def list(self, kind: str, selector: str = "", *, unscoped: bool = False) -> list[Object]:
        """All objects of the kind in the namespace, in order of name; `unscoped` leaves the scope aside."""
        scope = "" if unscoped or kind in _UNLABELLED else self.scope
        narrowed = ",".join(filter(None, (selector, scope)))
        query = f"?{urlencode({'labelSelector': narrowed})}" if narrowed else ""
        items: list[Object] = self._json("GET", self._path(kind) + query).get("items", [])
        return sorted(items, key=lambda item: str(item["metadata"]["name"]))

    def ask(self, path: str, body: Object) -> Object:
        """POST a review, such as an access review: the API answers and keeps nothing."""
        return self._json("POST", path, body)

    def create(self, kind: str, body: Object) -> Object:
        """Create; raises ClusterError when it exists or is refused."""
        return self._json("POST", f"{self._path(kind)}?fieldManager={_FIELD_MANAGER}&fieldValidation=Strict", body)

    def replace(self, kind: str, name: str, body: Object) -> Object:
        """Replace the whole object."""
        query = f"?fieldManager={_FIELD_MANAGER}&fieldValidation=Strict"
        return self._json("PUT", self._path(kind, name) + query, body)

    def patch(
        self,
        kind: str,
        name: str,
        body: Object | Sequence[Object],
        how: PatchType = "strategic",
        *,
        subresource: str = "",
    ) -> Object:
        """Patch the object or one of its subresources, and return what is there now."""
        path = self._path(kind, name) + (f"/{subresource}" if subresource else "")
        query = f"?fieldManager={_FIELD_MANAGER}&fieldValidation=Strict"
        return self._json("PATCH", path + query, body, content_type=_PATCH_CONTENT[how])

    def delete(
        self, kind: str, name: str, *, grace_seconds: int | None = None, propagation: str = "Background"
    ) -> None:
        """Delete; an object that is not there is fine."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        try:
            self._json("DELETE", self._path(kind, name), body)
        except NotFound:
            return

    def logs(self, pod: str, *, tail: int | None = None, previous: bool = False) -> str:
        """What the pod's container wrote."""
        query: dict[str, str] = {"previous": "true"} if previous else {}
        if tail is not None:
            query["tailLines"] = str(tail)
        return self._text("GET", f"{self._path('Pod', pod)}/log?{urlencode(query)}")

    def follow(self, pod: str, *, tail: int = 10) -> Iterator[str]:
        """Lines of the pod's log as they come, until the container ends."""
        from kubernetes.client import CoreV1Api
        from kubernetes.client.exceptions import ApiException
        from kubernetes.watch import Watch
        from urllib3.exceptions import HTTPError

        api = CoreV1Api(self._client())
        try:
            yield from Watch().stream(
                api.read_namespaced_pod_log, name=pod, namespace=self.namespace, follow=True, tail_lines=tail
            )
        except ApiException as error:
            raise _translated(error.status, error.body) from error
        except (HTTPError, OSError) as error:
            raise _unavailable(error) from error

    def proxy(self, service: str, port: str, path: str) -> str:
        """GET a path of a Service through the API server."""
        return self._text("GET", f"{self._path('Service', f'{service}:{port}')}/proxy/{path.lstrip('/')}")

    def pod_proxy(self, pod: str, path: str) -> str:
        """GET a path of a Pod's first port through the API server, which takes no names of ports there."""
        return self._text("GET", f"{self._path('Pod', pod)}/proxy/{path.lstrip('/')}")

    def version(self) -> str:
        """`gitVersion` of the API server."""
        return str(self._json("GET", "/version")["gitVersion"])

    def _path(self, kind: str, name: str = "") -> str:
        resource = RESOURCES.get(kind) or NAMESPACE_FURNITURE.get(kind) or LEARNERS_OWN.get(kind)
        if resource is None:
            raise NotSupported(
                "Unknown kind", f"the lab does not handle {kind}.", f"Use one of: {', '.join(RESOURCES)}."
            )
        base = f"{resource.prefix}/namespaces/{self.namespace}" if resource.namespaced else resource.prefix
        return f"{base}/{resource.plural}" + (f"/{name}" if name else "")

    def _client(self) -> ApiClient:
        """A client for the kubeconfig as it is on disk: another cluster's credentials take the place of the last."""
        try:
            found = self.kubeconfig.stat()
            version = (found.st_mtime_ns, found.st_ino)
            if self._api is None or self._api[0] != version:
                self._api = (version, api_client(self.kubeconfig, self._environ))
        except OSError as error:
            raise self._no_cluster(error) from error
        return self._api[1]

    def _no_cluster(self, error: Exception) -> ClusterUnavailable:
        return ClusterUnavailable(
            "No cluster", f"{self.kubeconfig} cannot be used: {error}.", "Start the stack with `lab up`."
        )

    def _json(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Object:
        answer: Object = json.loads(self._text(method, path, body, content_type) or "{}")
        return answer

    def _text(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> str:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        api = self._client()
        headers = {"Accept": "application/json, */*", "Content-Type": content_type}
        for setting in api.configuration.auth_settings().values():
            headers[setting["key"]] = setting["value"]
        try:
            response = api.rest_client.request(
                method, api.configuration.host + path, headers=headers, body=body, _request_timeout=REQUEST_SECONDS
            )
            data: bytes = response.read() if response.data is None else response.data
        except ApiException as error:
            raise _translated(error.status, error.body) from error
        except (HTTPError, OSError) as error:
            raise _unavailable(error) from error
        if not 200 <= response.status < 300:
            raise _translated(response.status, data)
        return data.decode(errors="replace")


def _unavailable(error: Exception) -> ClusterUnavailable:
    reason = type(error).__name__
    return ClusterUnavailable(
        "The cluster does not answer", f"the lab's Kubernetes API could not be reached ({reason}).", "Run `lab up`."
    )


def _translated(status: int, body: str | bytes | None) -> ClusterError:
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    try:
        message = str(json.loads(text).get("message", text))
    except (ValueError, AttributeError):
        message = text.strip() or f"HTTP {status}"
    match status:
        case 404:
            return NotFound("Not found", message, "Look with `lab ops get deployments` or `lab ops get pods`.")
        case 401:
            return ClusterError(
                "The cluster does not know you",
                message,
                "Renew your login to it, then run `lab up`, which takes the new credentials over.",
            )
        case 403:
            return NotAllowed("Not allowed", message, "Use the kubeconfig that `lab status` names.")
        case 409:
            return ClusterError("Conflict", message, "Look at the object again, then repeat.")
        case 503:
            return ClusterUnavailable("Service unavailable", message, "Wait until a pod behind it is ready.")
        case _:
            return ClusterError("Refused by the cluster", message, "Mend what the message names, then repeat.")
