"""The values that Kubernetes fills in on write, so that what is stored compares equal to what is applied again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection
from typing import Any

from lab.cluster.embedded.defaults_autoscaling import fill_autoscaler
from lab.cluster.embedded.defaults_batch import admit_job, fill_cron_job_spec, fill_job_spec
from lab.cluster.embedded.kinds import Kind
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.status import Cause, Invalid, forbidden

Obj = dict[str, Any]
FILE_MODE = 0o644


def fill(kind: Kind, obj: Obj) -> None:
    """Fill the defaults into `obj`, which the caller owns, in place."""
    filler = _FILLERS.get(kind.plural)
    if filler is not None:
        filler(obj)


def _section(obj: Obj, key: str) -> Obj:
    found: Obj = obj.setdefault(key, {})
    return found


def _fill_deployment(obj: Obj) -> None:
    spec = _section(obj, "spec")
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = _section(spec, "strategy")
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = _section(strategy, "rollingUpdate")
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    _fill_template(spec)


def _fill_replica_set(obj: Obj) -> None:
    spec = _section(obj, "spec")
    spec.setdefault("replicas", 1)
    _fill_template(spec)


def _fill_job(obj: Obj) -> None:
    spec = _section(obj, "spec")
    fill_job_spec(spec)
    _fill_template(spec)


def _fill_cron_job(obj: Obj) -> None:
    spec = _section(obj, "spec")
    fill_cron_job_spec(spec)
    _fill_job(_section(spec, "jobTemplate"))


def _fill_template(spec: Obj) -> None:
    template = _section(spec, "template")
    template.setdefault("metadata", {})
    fill_pod_spec(_section(template, "spec"))


def _fill_pod(obj: Obj) -> None:
    spec = _section(obj, "spec")
    fill_pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)


def fill_pod_spec(spec: Obj) -> None:
    """The defaults that Pods and Pod templates share."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in spec.get("containers") or ():
        _fill_container(container)
    for volume in spec.get("volumes") or ():
        _fill_volume(volume)


def _fill_container(container: Obj) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    image = str(container.get("image", ""))
    _, colon, tag = image.rpartition("/")[2].partition(":")
    container.setdefault("imagePullPolicy", "Always" if not colon or tag == "latest" else "IfNotPresent")
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for entry in container.get("env") or ():
        source = entry.get("valueFrom") or {}
        if "fieldRef" in source:
            source["fieldRef"].setdefault("apiVersion", "v1")
        if "resourceFieldRef" in source:
            source["resourceFieldRef"].setdefault("divisor", "0")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _fill_probe(container[name])


def _fill_probe(probe: Obj) -> None:
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("path", "/")
        probe["httpGet"].setdefault("scheme", "HTTP")


def _fill_volume(volume: Obj) -> None:
    if len(volume) == 1:
        volume["emptyDir"] = {}
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if source in volume:
            volume[source].setdefault("defaultMode", FILE_MODE)
    for part in (volume.get("projected") or {}).get("sources") or ():
        if "serviceAccountToken" in part:
            part["serviceAccountToken"].setdefault("expirationSeconds", 3600)
        for item in (part.get("downwardAPI") or {}).get("items") or ():
            if "fieldRef" in item:
                item["fieldRef"].setdefault("apiVersion", "v1")


def _fill_service(obj: Obj) -> None:
    spec = _section(obj, "spec")
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, 0, "") and "port" in port:
            port["targetPort"] = port["port"]


def _fill_secret(obj: Obj) -> None:
    obj.setdefault("type", "Opaque")
    plain = obj.pop("stringData", None)
    if plain:
        data = _section(obj, "data")
        data.update({key: base64.b64encode(value.encode()).decode() for key, value in plain.items()})


def _fill_namespace(obj: Obj) -> None:
    _section(obj, "spec").setdefault("finalizers", ["kubernetes"])
    name = obj.get("metadata", {}).get("name")
    if name:
        _section(obj["metadata"], "labels")["kubernetes.io/metadata.name"] = name


def _fill_endpoint_slice(obj: Obj) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


_FILLERS: dict[str, Callable[[Obj], None]] = {
    "deployments": _fill_deployment,
    "replicasets": _fill_replica_set,
    "jobs": _fill_job,
    "cronjobs": _fill_cron_job,
    "horizontalpodautoscalers": fill_autoscaler,
    "pods": _fill_pod,
    "services": _fill_service,
    "secrets": _fill_secret,
    "namespaces": _fill_namespace,
    "endpointslices": _fill_endpoint_slice,
}


class Admission:
    """What the cluster itself gives to new objects, whoever creates them.

    `taken` are the Service addresses in use; `has_account(namespace, name)` tells whether a service account exists.
    """

    def __init__(
        self, settings: NodeSettings, taken: Callable[[], Collection[str]], has_account: Callable[[str, str], bool]
    ) -> None:
        self._settings = settings
        self._taken = taken
        self._has_account = has_account

    def __call__(self, kind: Kind, obj: Obj) -> None:
        """Admit a new object, in place.

        Raises:
            Invalid: it asks for a Service address that is not to be had.
            StatusError: 403, a Pod names a service account that does not exist.
        """
        match kind.plural:
            case "pods":
                _admit_pod(obj)
                self._check_account(kind, obj)
            case "services":
                self._admit_service(kind, obj)
                obj.setdefault("status", {"loadBalancer": {}})
            case "namespaces":
                _fill_namespace(obj)
                obj.setdefault("status", {"phase": "Active"})
            case "deployments" | "cronjobs":
                obj.setdefault("status", {})
            case "horizontalpodautoscalers":
                obj.setdefault("status", {"currentReplicas": 0, "desiredReplicas": 0})
            case "jobs":
                admit_job(obj)
            case "replicasets":
                obj.setdefault("status", {"replicas": 0})
            case _:
                pass

    def _check_account(self, kind: Kind, obj: Obj) -> None:
        meta, account = obj["metadata"], obj["spec"]["serviceAccountName"]
        if account != "default" and not self._has_account(meta["namespace"], account):
            why = (
                f'error looking up service account {meta["namespace"]}/{account}: serviceaccount "{account}" not found'
            )
            raise forbidden(kind, meta["name"], why)

    def _admit_service(self, kind: Kind, obj: Obj) -> None:
        spec = obj["spec"] = dict(obj.get("spec") or {})
        asked = spec.get("clusterIP")
        if asked != "None":
            spec["clusterIP"] = self._address(kind, obj, asked)
        spec["clusterIPs"] = [spec["clusterIP"]]

    def _address(self, kind: Kind, obj: Obj, asked: str | None) -> str:
        prefix = self._settings.service_prefix
        if self._settings.single_address:
            return prefix
        meta = obj["metadata"]
        taken = self._taken()
        if asked:
            if not asked.startswith(prefix) or asked in taken:
                why = f'Invalid value: ["{asked}"]: failed to allocate IP {asked}: not a free address of {prefix}0/24'
                raise Invalid(kind, meta["name"], [Cause("FieldValueInvalid", "spec.clusterIPs", why)])
            return asked
        digest = hashlib.sha256(f"{meta.get('namespace')}/{meta['name']}".encode()).digest()
        first = int.from_bytes(digest[:4], "big")
        for step in range(253):
            address = f"{prefix}{(first + step) % 253 + 2}"
            if address not in taken:
                return address
        why = f"Internal error: all 253 addresses of {prefix}0/24 are in use"
        raise Invalid(kind, meta["name"], [Cause("InternalError", "spec.clusterIPs", why)])


def _admit_pod(obj: Obj) -> None:
    spec = obj["spec"] = dict(obj.get("spec") or {})
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("enableServiceLinks", True)
    spec["containers"] = [_with_requests(container) for container in spec.get("containers") or ()]
    obj.setdefault("status", {"phase": "Pending", "qosClass": quality_class(spec)})


def _with_requests(container: Obj) -> Obj:
    limits = (container.get("resources") or {}).get("limits")
    if not limits:
        return container
    resources = container["resources"]
    return {**container, "resources": {**resources, "requests": {**limits, **(resources.get("requests") or {})}}}


def quality_class(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort, by the requests and limits for cpu and memory of a Pod's containers."""
    amounts: list[tuple[Obj, Obj]] = []
    for container in spec.get("containers") or ():
        limits, requests = _cpu_and_memory(container, "limits"), _cpu_and_memory(container, "requests")
        amounts.append((limits, {**limits, **requests}))
    if not any(requests for _, requests in amounts):
        return "BestEffort"
    if all(len(limits) == 2 and limits == requests for limits, requests in amounts):
        return "Guaranteed"
    return "Burstable"


def _cpu_and_memory(container: Obj, part: str) -> Obj:
    found = (container.get("resources") or {}).get(part) or {}
    return {name: amount for name, amount in found.items() if name in ("cpu", "memory")}
