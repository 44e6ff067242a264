"""What every engine keeps: up means ready, reset is identity, helpers may be killed, down leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from engineboxes import Box, Case, eventually

from lab.cluster.client import Cluster
from lab.errors import ClusterError
from lab.keeper.objects import snapshot

pytestmark = [pytest.mark.timeout(600)]

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_CHOSEN_BY_THE_CLUSTER = ("clusterIP", "clusterIPs")


def fetched(url: str) -> str:
    with _DIRECT.open(url, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def cluster_of(box: Box) -> Cluster:
    status = box.status()
    return Cluster(Path(status["kubeconfig"]), status["namespace"])


def written(box: Box) -> dict[str, Any]:
    """What people wrote into the namespace, and what is committed, without addresses that a cluster draws."""
    known = {key: json.loads(text) for key, text in snapshot(cluster_of(box)).items()}
    for body in known.values():
        for name in _CHOSEN_BY_THE_CLUSTER:
            body.pop(name, None)
    replica_sets = sorted(str(item["metadata"]["name"]) for item in cluster_of(box).list("ReplicaSet"))
    head = Path(box.status()["platform_repo"], ".git", "refs", "heads", "main").read_text()
    return known | {"replica sets": replica_sets, "head": head}


def test_up_means_that_every_address_answers_and_figures_exist(box: Box, case: Case) -> None:
    up = box.up()
    assert up["on"] == case.on
    assert up["ready"] is True
    assert up["urls"].keys() == {
        "billing", "feed", "gateway", "model-server", "monitor", "registry", "prometheus", "alertmanager",
    }  # fmt: skip
    assert "release_info" in fetched(f"{up['urls']['gateway']}/metrics")
    query = f"{up['urls']['prometheus']}/api/v1/query?query=count(feed_planned_requests_total)"
    eventually(lambda: '"1"' in fetched(query), 30, "Prometheus has figures of the feed")


def test_up_again_restarts_nothing_and_keeps_every_address(box: Box) -> None:
    before, pods = box.status(), names(box)
    again = box.up()
    assert (again["pids"], again["urls"], again["namespace"]) == (before["pids"], before["urls"], before["namespace"])
    assert names(box) == pods


def names(box: Box) -> list[str]:
    return [str(pod["metadata"]["name"]) for pod in cluster_of(box).list("Pod")]


def test_the_engine_is_remembered_and_another_one_refused(box: Box, case: Case) -> None:
    assert box.status()["on"] == case.on
    other = "kind" if case.is_embedded else "embedded"
    refused = box.lab("up", "--on", other, "--json")
    assert refused.code == 2
    assert case.on in refused.json["error"]["title"]
    assert "lab down" in refused.json["error"]["next_step"]


def test_unknown_fields_are_refused_by_name(box: Box) -> None:
    cluster = cluster_of(box)
    with pytest.raises(ClusterError, match="nodeNam"):
        cluster.patch("Deployment", "feed", {"spec": {"template": {"spec": {"nodeNam": "here"}}}})
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd"}, "dta": {"a": "b"}}
    with pytest.raises(ClusterError, match="dta"):
        cluster.create("ConfigMap", body)
    assert cluster.find("ConfigMap", "odd") is None


@pytest.mark.live
@pytest.mark.parametrize("case", ["embedded"], indirect=True, scope="module")
def test_on_embedded_fields_that_it_does_not_serve_are_refused_by_name(box: Box, case: Case) -> None:
    with pytest.raises(ClusterError, match="hostNetwork"):
        cluster_of(box).patch("Deployment", "feed", {"spec": {"template": {"spec": {"hostNetwork": True}}}})


def test_reset_is_identity_whatever_was_done(box: Box) -> None:
    before = written(box)
    cluster = cluster_of(box)
    box.lab("ops", "scale", "deployment/feed", "--replicas=0")
    box.lab("ops", "set", "env", "deployment/gateway", "DEADLINE_MS=1")
    box.lab("ops", "rollout", "undo", "deployment/model-server")
    cluster.delete("Service", "monitor")
    cluster.delete("Deployment", "discovery")
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}, "data": {"a": "b"}}
    cluster.create("ConfigMap", extra)
    repo = box.status()["platform_repo"]
    Path(repo, "manifests", "30-gateway.yaml").unlink()
    assert written(box) != before
    done = box.lab("reset", "--json")
    assert done.code == 0, done.err
    assert done.json["ready"] is True
    assert written(box) == before
    assert Path(repo, "manifests", "30-gateway.yaml").exists()


def test_a_killed_helper_is_seen_and_brought_back(box: Box) -> None:
    urls = box.status()["urls"]
    os.kill(box.status()["pids"][0], signal.SIGKILL)
    up = box.up()
    assert up["ready"] is True
    assert up["urls"].keys() == urls.keys()
    eventually(lambda: "feed_planned" in fetched(f"{box.status()['urls']['feed']}/metrics"), 20, "the feed answers")


def test_down_after_kill_9_leaves_nothing_and_down_twice_is_fine(box: Box, case: Case) -> None:
    others = case.left_in_cluster() - {f"namespace/{box.status()['namespace']}"}
    os.kill(box.status()["pids"][0], signal.SIGKILL)
    for _ in range(2):
        done = box.lab("down", "--json")
        assert (done.code, done.json["pids"]) == (0, [])
        eventually(lambda: box.processes() == [], 10, "no process of the lab is left")
        assert case.left_in_cluster() == others
    status = box.status()
    assert (status["up"], status["urls"], status["pids"]) == (False, {}, [])
