"""The objects themselves, as trees that `apply` takes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from lab.cluster.client import Cluster, Object
from lab.errors import ClusterError

LAB_LABEL = "mlops-lab/lab"
"""On a namespace: a lab made it, and takes it away again."""

_OWN = Path(__file__).with_name("namespace.yaml")
_LEVELS = ("enforce", "warn", "audit")
_FROM_API = "from-the-api-server"


def lab_namespace(name: str) -> Object:
    """The namespace of one lab: only pods that ask for no privilege may run in it."""
    security = {f"pod-security.kubernetes.io/{level}": "restricted" for level in _LEVELS}
    labels = {LAB_LABEL: name, "app.kubernetes.io/part-of": "flight-risk"} | security
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def furniture_objects(namespace: str, access: Path, api_sources: Iterable[str] = ()) -> tuple[Object, ...]:
    """
    Role and binding from the `access` file, quota, defaults and network policies, in the order to apply them.

    `api_sources` are IP addresses that the API server's proxy may call from, beside agents in kube-system; what
    `api_sources` of this module found.
    """
    roles = [_bound_in(namespace, item) for item in _documents(access)]
    return (*roles, *(_open_to(api_sources, item) for item in _documents(_OWN)))


def api_sources(kubeconfig: Path, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """
    Addresses that the API server and the nodes call pods from, as far as this account may read them.

    The endpoints of the Service `kubernetes`, the nodes' own addresses, and the first address of each node's range of
    pods, which many network plug-ins give to the node itself.
    """
    cluster = Cluster(kubeconfig, "default", environ)
    found: dict[str, None] = {}
    for kind, read in (("EndpointSlice", _endpoint_addresses), ("Node", _node_addresses)):
        try:
            items = cluster.list(kind)
        except ClusterError:
            continue
        found |= dict.fromkeys(address for item in items for address in read(item))
    return tuple(found)


def _documents(path: Path) -> Iterator[Object]:
    yield from (item for item in yaml.safe_load_all(path.read_text(encoding="utf-8")) if item)


def _bound_in(namespace: str, item: Object) -> Object:
    """A service account in a binding has to be told its namespace; other objects get theirs from the call."""
    if item["kind"] != "RoleBinding":
        return item
    return {**item, "subjects": [{"namespace": namespace} | subject for subject in item["subjects"]]}


def _open_to(addresses: Iterable[str], item: Object) -> Object:
    if item["metadata"]["name"] != _FROM_API:
        return item
    rule = item["spec"]["ingress"][0]
    peers = [*rule["from"], *({"ipBlock": {"cidr": _single(address)}} for address in addresses)]
    return {**item, "spec": {**item["spec"], "ingress": [{**rule, "from": peers}]}}


def _single(address: str) -> str:
    """The range of one address: `/32`, or `/128` for IPv6."""
    return str(ipaddress.ip_network(address))


def _endpoint_addresses(item: Object) -> Sequence[str]:
    if (item["metadata"].get("labels") or {}).get("kubernetes.io/service-name") != "kubernetes":
        return ()
    return [address for endpoint in item.get("endpoints") or () for address in endpoint.get("addresses") or ()]


def _node_addresses(item: Object) -> Sequence[str]:
    listed = item.get("status", {}).get("addresses") or ()
    own = [entry["address"] for entry in listed if entry["type"] in ("InternalIP", "ExternalIP")]
    ranges = item.get("spec", {}).get("podCIDRs") or ()
    return [*own, *(str(ipaddress.ip_network(text)[1]) for text in ranges)]
