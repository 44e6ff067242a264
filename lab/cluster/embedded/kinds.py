"""The kinds this cluster serves; a kind is one entry here, its message in the field table and its columns in tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What the API and the store need to know of one kind of object."""

    group: str
    """API group, empty for the core group."""
    version: str
    kind: str
    plural: str
    """The name in URLs and the `resource` of the store."""
    singular: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    has_status: bool = False
    """Has the `/status` subresource; ordinary writes then leave `status` alone."""
    counts_generations: bool = False
    """`metadata.generation` rises by one with every change of the spec."""
    scalable: bool = False
    """Has the `/scale` subresource."""
    message: str = ""
    """Name of the message in the field table."""
    read_only: bool = False
    """Computed when asked for, and stored nowhere: only get and list."""
    delete_answers_object: bool = False
    """DELETE answers the object rather than a Status, as for Pods and Services."""

    @property
    def api_version(self) -> str:
        """`v1` or `group/version`, as objects carry it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`pods` or `deployments.apps`, as error texts name the resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """`Pod` or `Deployment.apps`, as validation texts name the kind."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


_CORE = "k8s.io.api.core.v1."
_APPS = "k8s.io.api.apps.v1."
_BATCH = "k8s.io.api.batch.v1."

KINDS: tuple[Kind, ...] = (
    Kind("", "v1", "Namespace", "namespaces", "namespace", namespaced=False, short_names=("ns",), has_status=True,
         message=_CORE + "Namespace"),
    Kind("", "v1", "Node", "nodes", "node", namespaced=False, short_names=("no",), has_status=True,
         message=_CORE + "Node"),
    Kind("", "v1", "Pod", "pods", "pod", short_names=("po",), categories=("all",), has_status=True,
         message=_CORE + "Pod", delete_answers_object=True),
    Kind("", "v1", "Service", "services", "service", short_names=("svc",), categories=("all",), has_status=True,
         message=_CORE + "Service", delete_answers_object=True),
    Kind("", "v1", "ConfigMap", "configmaps", "configmap", short_names=("cm",), message=_CORE + "ConfigMap"),
    Kind("", "v1", "Secret", "secrets", "secret", message=_CORE + "Secret"),
    Kind("", "v1", "ServiceAccount", "serviceaccounts", "serviceaccount", short_names=("sa",),
         message=_CORE + "ServiceAccount", delete_answers_object=True),
    Kind("", "v1", "Event", "events", "event", short_names=("ev",), message=_CORE + "Event"),
    Kind("apps", "v1", "Deployment", "deployments", "deployment", short_names=("deploy",), categories=("all",),
         has_status=True, counts_generations=True, scalable=True, message=_APPS + "Deployment"),
    Kind("apps", "v1", "ReplicaSet", "replicasets", "replicaset", short_names=("rs",), categories=("all",),
         has_status=True, counts_generations=True, scalable=True, message=_APPS + "ReplicaSet"),
    Kind("batch", "v1", "Job", "jobs", "job", categories=("all",), has_status=True, counts_generations=True,
         message=_BATCH + "Job"),
    Kind("batch", "v1", "CronJob", "cronjobs", "cronjob", short_names=("cj",), categories=("all",), has_status=True,
         counts_generations=True, message=_BATCH + "CronJob"),
    Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "horizontalpodautoscaler",
         short_names=("hpa",), categories=("all",), has_status=True,
         message="k8s.io.api.autoscaling.v2.HorizontalPodAutoscaler"),
    Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "endpointslice",
         message="k8s.io.api.discovery.v1.EndpointSlice"),
)  # fmt: skip

METRICS_GROUP, METRICS_VERSION = "metrics.k8s.io", "v1beta1"
METRICS_KINDS: tuple[Kind, ...] = (
    Kind(METRICS_GROUP, METRICS_VERSION, "NodeMetrics", "nodes", "", namespaced=False, read_only=True),
    Kind(METRICS_GROUP, METRICS_VERSION, "PodMetrics", "pods", "", read_only=True),
)
"""Kinds that the metrics API lists beside those above; the store holds none of them."""

BY_RESOURCE: dict[str, Kind] = {kind.plural: kind for kind in KINDS}


def by_address(group: str, version: str, plural: str) -> Kind | None:
    """The kind served at a URL's group, version and plural, or None."""
    kind = BY_RESOURCE.get(plural)
    return kind if kind is not None and (kind.group, kind.version) == (group, version) else None


def group_versions() -> tuple[tuple[str, str], ...]:
    """All served (group, version) pairs, the core group first."""
    seen: dict[tuple[str, str], None] = {}
    for kind in KINDS:
        seen.setdefault((kind.group, kind.version), None)
    return tuple(seen)
