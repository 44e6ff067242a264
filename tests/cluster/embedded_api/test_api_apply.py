"""The lab's own apply and client against the API: the three-way patch, kubectl's memory, errors as people meet them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.cluster.apply import apply
from lab.cluster.client import Cluster, kind_of
from lab.errors import ClusterError, ClusterUnavailable, NotFound
from lab.operate.options import read_option
from lab.paths import stack_root


def deployment(**env: str) -> dict[str, Any]:
    entries = [{"name": key, "value": value} for key, value in env.items()]
    container = {"name": "web", "image": "mlops-lab/web:1.0.0", "env": entries}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    }


def env_of(item: dict[str, Any]) -> dict[str, str]:
    (container,) = item["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container.get("env", [])}


@pytest.fixture
def cluster(served: Any) -> Iterator[Cluster]:
    made = Cluster(served.kubeconfig, "default")
    yield made
    made.close()


def test_created_unchanged_configured(cluster: Cluster) -> None:
    assert apply(cluster, deployment(A="1"))[1] == "created"
    assert apply(cluster, deployment(A="1"))[1] == "unchanged"
    live, outcome = apply(cluster, deployment(A="2"))
    assert outcome == "configured"
    assert env_of(live) == {"A": "2"}


def test_what_another_tool_set_stays_and_what_the_manifest_dropped_goes(cluster: Cluster) -> None:
    apply(cluster, deployment(A="1", B="2"))
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "web", "env": [{"name": "X", "value": "9"}]}]}}}}
    cluster.patch("Deployment", "web", patch)
    live, _ = apply(cluster, deployment(A="1"))
    assert env_of(live) == {"A": "1", "X": "9"}


def test_a_field_that_was_dropped_is_removed(cluster: Cluster) -> None:
    wanted = deployment(A="1")
    wanted["spec"]["paused"] = True
    apply(cluster, wanted)
    live, _ = apply(cluster, deployment(A="1"))
    assert not live["spec"].get("paused")


def test_a_change_made_by_hand_to_a_named_field_is_put_back(cluster: Cluster) -> None:
    apply(cluster, deployment(A="1"))
    cluster.patch("Deployment", "web", {"spec": {"replicas": 0}}, "merge", subresource="scale")
    live, outcome = apply(cluster, deployment(A="1"))
    assert (live["spec"]["replicas"], outcome) == (2, "configured")


def test_the_memory_is_kubectls(cluster: Cluster) -> None:
    live, _ = apply(cluster, deployment(A="a<b & c"))
    text = live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    assert text.endswith("}\n")
    assert r"a\u003cb \u0026 c" in text
    remembered = json.loads(text)
    assert remembered["metadata"] == {"annotations": {}, "name": "web", "namespace": "default"}


def test_unknown_fields_are_refused_and_nothing_is_stored(cluster: Cluster) -> None:
    wrong = copy.deepcopy(deployment())
    wrong["spec"]["replicaz"] = 3
    with pytest.raises(ClusterError, match="replicaz"):
        apply(cluster, wrong)
    assert cluster.find("Deployment", "web") is None


def test_errors_of_the_client_tell_the_next_step(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nobody") as caught:
        cluster.get("Deployment", "nobody")
    assert caught.value.next_step
    with pytest.raises(ClusterUnavailable):
        Cluster(tmp_path / "no-kubeconfig", "default").list("Pod")
    with pytest.raises(NotFound, match="gizmos"):
        kind_of("gizmos")


def test_delete_of_nothing_is_fine_and_lists_come_by_name(cluster: Cluster) -> None:
    cluster.delete("ConfigMap", "nobody")
    for name in ("b", "a"):
        cluster.create("ConfigMap", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
    names = [item["metadata"]["name"] for item in cluster.list("ConfigMap")]
    assert names == sorted(names)
    assert kind_of("deploy") == kind_of("deployments") == "Deployment"


def test_grafanas_manifest_is_one_that_the_api_takes(cluster: Cluster) -> None:
    for item in read_option(stack_root(), "grafana", {}).objects:
        assert apply(cluster, item)[1] == "created"
        assert apply(cluster, item)[1] == "unchanged"
