"""What a namespace on a real cluster gets before anything runs in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import stack
from lab.cluster import furniture
from lab.cluster.client import NAMESPACE_FURNITURE, Cluster
from lab.cluster.furniture import objects as furniture_module
from lab.errors import ClusterError, ClusterUnavailable

STACK = Path(stack.__file__).parent
ACCESS = STACK / "platform" / "real" / "access.yaml"


def by_name(*sources: str) -> dict[tuple[str, str], Any]:
    return {(o["kind"], o["metadata"]["name"]): o for o in furniture.furniture_objects("team-a", ACCESS, sources)}


def test_the_namespace_takes_only_unprivileged_pods_and_is_marked_as_a_labs() -> None:
    labels = furniture.lab_namespace("team-a")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels[furniture.LAB_LABEL] == "team-a"


def test_every_kind_has_an_address_in_the_api() -> None:
    assert {kind for kind, _ in by_name()} == set(NAMESPACE_FURNITURE)


def test_discovery_is_bound_to_its_account_in_this_namespace() -> None:
    binding = by_name()["RoleBinding", "discovery"]
    assert binding["subjects"] == [{"namespace": "team-a", "kind": "ServiceAccount", "name": "discovery"}]
    assert by_name()["Role", "discovery"]["rules"][0]["resources"] == ["pods"]


def test_pods_hear_their_own_namespace_and_the_api_server_alone() -> None:
    found = by_name("172.18.0.2", "fd00::1")
    inside = found["NetworkPolicy", "from-this-namespace"]["spec"]
    assert inside == {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}
    peers = found["NetworkPolicy", "from-the-api-server"]["spec"]["ingress"][0]["from"]
    assert peers[0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    assert peers[1:] == [{"ipBlock": {"cidr": "172.18.0.2/32"}}, {"ipBlock": {"cidr": "fd00::1/128"}}]


def test_the_quota_has_room_for_the_stack_twice() -> None:
    hard = by_name()["ResourceQuota", "lab"]["spec"]["hard"]
    pods = memory = 0
    for path in (STACK / "platform" / "manifests").glob("*.yaml"):
        for item in yaml.safe_load_all(path.read_text()):
            if item["kind"] == "Deployment":
                (container,) = item["spec"]["template"]["spec"]["containers"]
                pods += item["spec"]["replicas"]
                memory += item["spec"]["replicas"] * int(container["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert int(hard["pods"]) >= 2 * pods
    assert int(hard["limits.memory"].removesuffix("Gi")) * 1024 >= 2 * memory


@pytest.mark.parametrize("path", sorted((STACK / "platform" / "manifests").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_pod_of_the_platform_meets_the_restricted_standard(path: Path) -> None:
    for item in yaml.safe_load_all(path.read_text()):
        if item["kind"] != "Deployment":
            continue
        spec = item["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        allowed = {"name", "configMap", "emptyDir", "secret", "projected", "downwardAPI", "persistentVolumeClaim"}
        assert all(set(volume) <= allowed for volume in spec.get("volumes", ()))


def test_addresses_of_the_api_server_and_the_nodes_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = {
        "EndpointSlice": [
            {
                "metadata": {"labels": {"kubernetes.io/service-name": "kubernetes"}},
                "endpoints": [{"addresses": ["10.1.1.1"]}],
            },
            {"metadata": {}, "endpoints": [{"addresses": ["10.9.9.9"]}]},
        ],
        "Node": [
            {
                "spec": {"podCIDRs": ["10.244.0.0/24"]},
                "status": {
                    "addresses": [{"type": "InternalIP", "address": "172.18.0.2"}, {"type": "Hostname", "address": "n"}]
                },
            }
        ],
    }
    monkeypatch.setattr(Cluster, "list", lambda self, kind: lists[kind])
    assert furniture.api_sources(Path("none")) == ("10.1.1.1", "172.18.0.2", "10.244.0.1")


def test_an_account_that_may_not_read_nodes_finds_less(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Cluster, kind: str) -> list[Any]:
        raise ClusterError("Not allowed", "nodes is forbidden", "")

    monkeypatch.setattr(furniture_module.Cluster, "list", refuse)
    assert furniture.api_sources(Path("none")) == ()


def test_what_the_cluster_refuses_is_told_and_the_rest_is_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[str] = []

    def place(cluster: Cluster, item: dict[str, Any]) -> None:
        if item["kind"] == "ResourceQuota":
            raise ClusterError("Not allowed", "resourcequotas is forbidden", "")
        placed.append(item["kind"])

    monkeypatch.setattr("lab.cluster.furniture.placing.apply", place)
    (refusal,) = furniture.furnish(Cluster(Path("none"), "team-a"), furniture.furniture_objects("team-a", ACCESS))
    assert (refusal.kind, refusal.name, refusal.why) == ("ResourceQuota", "lab", "resourcequotas is forbidden")
    assert placed == ["Role", "RoleBinding", "LimitRange", "NetworkPolicy", "NetworkPolicy"]

    def gone(cluster: Cluster, item: dict[str, Any]) -> None:
        raise ClusterUnavailable("gone", "gone", "")

    monkeypatch.setattr("lab.cluster.furniture.placing.apply", gone)
    with pytest.raises(ClusterUnavailable):
        furniture.furnish(Cluster(Path("none"), "team-a"), [{"kind": "Role", "metadata": {"name": "x"}}])
