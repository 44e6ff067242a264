"""
Which known fields this cluster carries out, which make no difference to local processes, and which it refuses.

Every field of the messages below is in exactly one class; a field that is in none is refused, so that nothing which
would change behaviour is ever ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.cluster.embedded.faults import Faults
from lab.cluster.embedded.kinds import Kind
from lab.cluster.embedded.quantity import CONTAINER_RESOURCES, is_extended
from lab.cluster.embedded.schema import Field, field_table

CORE = "k8s.io.api.core.v1."
BATCH = "k8s.io.api.batch.v1."
SCALING = "k8s.io.api.autoscaling.v2."


@dataclass(frozen=True, slots=True)
class Support:
    """The classes of the fields of one message."""

    works: frozenset[str]
    """Carried out as documented."""
    harmless: frozenset[str] = frozenset()
    """Accepted, stored and without effect, because there is nothing to have an effect on."""


def _support(works: str, harmless: str = "") -> Support:
    return Support(frozenset(works.split()), frozenset(harmless.split()))


SUPPORT: dict[str, Support] = {
    CORE + "PodSpec": _support(
        "containers volumes restartPolicy terminationGracePeriodSeconds serviceAccountName serviceAccount nodeName "
        "enableServiceLinks schedulerName affinity automountServiceAccountToken",
        "securityContext imagePullSecrets tolerations dnsPolicy priority priorityClassName preemptionPolicy "
        "topologySpreadConstraints os",
    ),
    CORE + "Container": _support(
        "name image command args workingDir ports env envFrom resources volumeMounts livenessProbe readinessProbe "
        "startupProbe",
        "imagePullPolicy securityContext terminationMessagePath terminationMessagePolicy resizePolicy stdin "
        "stdinOnce tty",
    ),
    CORE + "ContainerPort": _support("name containerPort protocol"),
    CORE + "EnvVarSource": _support("fieldRef configMapKeyRef secretKeyRef"),
    CORE + "EnvFromSource": _support("prefix configMapRef secretRef"),
    CORE + "ResourceRequirements": _support("limits requests"),
    CORE + "Probe": _support(
        "httpGet tcpSocket exec initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold"
    ),
    CORE + "HTTPGetAction": _support("path port host httpHeaders scheme"),
    CORE + "TCPSocketAction": _support("port host"),
    CORE + "VolumeMount": _support("name mountPath subPath", "readOnly"),
    CORE + "Volume": _support("name configMap secret emptyDir projected downwardAPI"),
    CORE + "EmptyDirVolumeSource": _support("", "medium sizeLimit"),
    CORE + "VolumeProjection": _support("configMap secret serviceAccountToken downwardAPI"),
    CORE + "Affinity": _support("nodeAffinity podAffinity podAntiAffinity"),
    CORE + "NodeAffinity": _support("", "preferredDuringSchedulingIgnoredDuringExecution"),
    CORE + "PodAffinity": _support("", "preferredDuringSchedulingIgnoredDuringExecution"),
    CORE + "PodAntiAffinity": _support("", "preferredDuringSchedulingIgnoredDuringExecution"),
    CORE + "ServiceSpec": _support(
        "ports selector clusterIP clusterIPs type publishNotReadyAddresses sessionAffinity ipFamilies ipFamilyPolicy",
        "internalTrafficPolicy trafficDistribution",
    ),
    BATCH + "JobSpec": _support(
        "parallelism completions activeDeadlineSeconds backoffLimit selector template ttlSecondsAfterFinished "
        "completionMode suspend podReplacementPolicy"
    ),
    SCALING + "MetricSpec": _support("type resource containerResource"),
    CORE + "ServicePort": _support("name port targetPort protocol", "appProtocol"),
}
"""The classes by message; messages that are not listed are carried out whole."""

ONLY: dict[tuple[str, str], frozenset[str]] = {
    (CORE + "ContainerPort", "protocol"): frozenset({"TCP"}),
    (CORE + "ServicePort", "protocol"): frozenset({"TCP"}),
    (CORE + "ServiceSpec", "type"): frozenset({"ClusterIP"}),
    (CORE + "ServiceSpec", "sessionAffinity"): frozenset({"None"}),
    (CORE + "ServiceSpec", "ipFamilyPolicy"): frozenset({"SingleStack"}),
    (CORE + "PodSpec", "schedulerName"): frozenset({"default-scheduler"}),
    (CORE + "HTTPGetAction", "scheme"): frozenset({"HTTP"}),
    (SCALING + "MetricSpec", "type"): frozenset({"Resource", "ContainerResource"}),
    (BATCH + "JobSpec", "completionMode"): frozenset({"NonIndexed"}),
    (BATCH + "JobSpec", "podReplacementPolicy"): frozenset({"TerminatingOrFailed"}),
}
"""Fields of which only some of the values that Kubernetes knows are carried out."""

_CHECKED = frozenset({"deployments", "replicasets", "pods", "services", "jobs", "cronjobs", "horizontalpodautoscalers"})
REFUSAL = "the embedded cluster does not support this field; it is refused rather than ignored"


def check_support(kind: Kind, obj: Mapping[str, Any], faults: Faults) -> None:
    """Add a fault for every field in use that this cluster knows but does not carry out."""
    if kind.plural in _CHECKED and isinstance(obj.get("spec"), dict):
        spec_field = field_table().message(kind.message).fields["spec"]
        _walk(spec_field.type, obj["spec"], "spec", faults)


def _walk(message: str, value: Mapping[str, Any], path: str, faults: Faults) -> None:
    support = SUPPORT.get(message)
    fields = field_table().message(message).fields
    for name, item in value.items():
        field = fields[name]
        where = f"{path}.{name}"
        if support is not None:
            if name in support.harmless:
                continue
            if name not in support.works:
                if item:
                    faults.forbidden(where, REFUSAL)
                continue
            accepted = ONLY.get((message, name))
            if accepted is not None and item not in accepted:
                faults.forbidden(where, f"the embedded cluster supports only {', '.join(sorted(accepted))} here")
        if message == CORE + "ResourceRequirements":
            _check_resources(item, where, faults)
        if field.is_message:
            _walk_into(field, item, where, faults)


def _walk_into(field: Field, value: Any, path: str, faults: Faults) -> None:
    match field.container:
        case "list":
            for index, item in enumerate(value):
                _walk(field.type, item, f"{path}[{index}]", faults)
        case "map":
            for key, item in value.items():
                _walk(field.type, item, f"{path}.{key}", faults)
        case _:
            _walk(field.type, value, path, faults)


def _check_resources(amounts: Mapping[str, Any], path: str, faults: Faults) -> None:
    for name in amounts:
        if name not in CONTAINER_RESOURCES and not is_extended(name):
            known = ", ".join(sorted(CONTAINER_RESOURCES))
            faults.forbidden(f"{path}[{name}]", f"the embedded cluster's node has only {known} and extended resources")
