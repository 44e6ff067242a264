"""Rollouts on a store, pass by pass: the clock and the readiness of Pods are the test's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from embedded_node_bench import NAMESPACE, FakeClock, new_store

from lab.cluster.embedded.controllers import Controllers
from lab.cluster.embedded.controllers.revisions import surge_and_unavailable
from lab.cluster.embedded.store import Obj, Store, stamp

REVISION = "deployment.kubernetes.io/revision"


class Bench:
    """A store with controllers, and a stand-in for the kubelet that makes Pods ready or takes them away."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.store: Store = new_store(clock=clock)
        self.controllers = Controllers(self.store, clock=clock)
        self.lowest_available = 10**6
        self.most_pods = 0

    def create(self, replicas: int = 4, image: str = "web:1", **spec: Any) -> None:
        template = {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": image}], "terminationGracePeriodSeconds": 30},
        }
        spec = {"strategy": {"type": "RollingUpdate"}, **spec}
        body = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
        self.store.create("deployments", {"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": body})

    @property
    def deployment(self) -> Obj:
        found = self.store.get("deployments", NAMESPACE, "web")
        assert found is not None
        return found

    def change(self, **spec: Any) -> None:
        held = self.deployment
        self.store.update("deployments", {**held, "spec": {**held["spec"], **spec}})

    def set_image(self, image: str, cause: str = "") -> None:
        held = copy.deepcopy(self.deployment)
        held["spec"]["template"]["spec"]["containers"][0]["image"] = image
        if cause:
            held["metadata"].setdefault("annotations", {})["kubernetes.io/change-cause"] = cause
        self.store.update("deployments", held)

    def passes(self, count: int = 1, *, ready: bool = True, gone: bool = True) -> None:
        """Passes of the controllers, each followed by one of the stand-in kubelet."""
        for _ in range(count):
            self.controllers.reconcile()
            for pod in self.pods():
                meta = pod["metadata"]
                if meta.get("deletionTimestamp") and gone:
                    self.store.remove("pods", NAMESPACE, meta["name"])
                elif not pod["spec"].get("nodeName"):
                    self.store.update("pods", {**pod, "spec": {**pod["spec"], "nodeName": "here"}})
                elif ready and not meta.get("deletionTimestamp") and not is_ready(pod):
                    self.make_ready(pod)
            self.lowest_available = min(self.lowest_available, sum(is_ready(pod) for pod in self.pods()))
            self.most_pods = max(self.most_pods, len(self.pods()))

    def make_ready(self, pod: Obj) -> None:
        condition = {"type": "Ready", "status": "True", "lastTransitionTime": stamp(self.clock())}
        self.store.update("pods", {**pod, "status": {"phase": "Running", "conditions": [condition]}},
                          subresource="status")  # fmt: skip

    def pods(self) -> list[Obj]:
        return self.store.list("pods", NAMESPACE)

    def images(self) -> list[str]:
        return sorted(pod["spec"]["containers"][0]["image"] for pod in self.pods())

    def replica_sets(self) -> dict[str, Obj]:
        return {
            held["spec"]["template"]["spec"]["containers"][0]["image"]: held for held in self.store.list("replicasets")
        }

    def progressing(self) -> tuple[str, str]:
        found = next(c for c in self.deployment["status"]["conditions"] if c["type"] == "Progressing")
        return found["status"], found["reason"]


def is_ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@pytest.fixture
def bench(clock: FakeClock) -> Bench:
    return Bench(clock)


def test_first_rollout_completes(bench: Bench) -> None:
    bench.create()
    bench.passes(6)
    status = bench.deployment["status"]
    assert status["replicas"] == status["updatedReplicas"] == status["availableReplicas"] == 4
    assert status["observedGeneration"] == bench.deployment["metadata"]["generation"]
    assert bench.progressing() == ("True", "NewReplicaSetAvailable")
    assert bench.deployment["metadata"]["annotations"][REVISION] == "1"
    label = bench.pods()[0]["metadata"]["labels"]["pod-template-hash"]
    held = bench.replica_sets()["web:1"]
    assert held["spec"]["selector"]["matchLabels"]["pod-template-hash"] == label
    assert held["metadata"]["name"] == f"web-{label}"


def test_settled_cluster_writes_nothing(bench: Bench) -> None:
    bench.create()
    bench.passes(8)
    version = bench.store.version
    bench.clock.move(700)
    bench.passes(3)
    assert bench.store.version == version


def test_rolling_update_keeps_within_surge_and_unavailable(bench: Bench) -> None:
    bench.create(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
    bench.passes(8)
    bench.lowest_available, bench.most_pods = 10**6, 0
    bench.set_image("web:2")
    bench.passes(20)
    assert bench.images() == ["web:2"] * 4
    assert bench.lowest_available >= 3
    assert bench.most_pods <= 5
    assert bench.progressing() == ("True", "NewReplicaSetAvailable")


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [(4, "25%", "25%", (1, 1)), (1, "25%", "25%", (1, 0)), (3, "0%", "10%", (0, 1)), (10, 2, "30%", (2, 3))],
)
def test_percentages_round_towards_availability(
    replicas: int, surge: int | str, unavailable: int | str, expected: tuple[int, int]
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    spec = {"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}
    assert surge_and_unavailable({"spec": spec}) == expected


def test_recreate_waits_for_the_last_old_process(bench: Bench) -> None:
    bench.create(2, strategy={"type": "Recreate"})
    bench.passes(6)
    bench.set_image("web:2")
    bench.passes(4, gone=False)
    assert bench.images() == ["web:1", "web:1"]
    bench.passes(6)
    assert bench.images() == ["web:2", "web:2"]


def test_undo_reuses_the_old_replica_set_with_the_next_revision(bench: Bench) -> None:
    bench.create(2)
    bench.passes(6)
    uid = bench.replica_sets()["web:1"]["metadata"]["uid"]
    bench.set_image("web:2", cause="stricter checks")
    bench.passes(12)
    second = bench.replica_sets()["web:2"]["metadata"]
    assert second["annotations"][REVISION] == "2"
    assert second["annotations"]["kubernetes.io/change-cause"] == "stricter checks"
    bench.set_image("web:1")
    bench.passes(12)
    first = bench.replica_sets()["web:1"]["metadata"]
    assert (first["uid"], first["annotations"][REVISION]) == (uid, "3")
    assert bench.deployment["metadata"]["annotations"][REVISION] == "3"
    assert bench.images() == ["web:1", "web:1"]


def test_a_rollout_that_stalls_exceeds_its_deadline_and_recovers(bench: Bench) -> None:
    bench.create(2, progressDeadlineSeconds=30)
    bench.passes(6)
    bench.set_image("web:bad")
    bench.passes(4, ready=False)
    assert bench.progressing()[0] == "True"
    bench.clock.move(31)
    bench.passes(1, ready=False)
    assert bench.progressing() == ("False", "ProgressDeadlineExceeded")
    assert sum(is_ready(pod) for pod in bench.pods()) == 2
    bench.set_image("web:1")
    bench.passes(10)
    assert bench.progressing() == ("True", "NewReplicaSetAvailable")


def test_paused_scales_but_does_not_roll(bench: Bench) -> None:
    bench.create(2)
    bench.passes(6)
    bench.change(paused=True, replicas=3)
    bench.set_image("web:2")
    bench.passes(6)
    assert bench.images() == ["web:1"] * 3
    assert bench.progressing() == ("Unknown", "DeploymentPaused")
    bench.change(paused=False)
    bench.passes(15)
    assert bench.images() == ["web:2"] * 3
    assert bench.progressing() == ("True", "NewReplicaSetAvailable")


def test_history_is_limited(bench: Bench) -> None:
    bench.create(1, revisionHistoryLimit=2)
    for number in range(1, 6):
        bench.set_image(f"web:{number}")
        bench.passes(10)
    assert sorted(bench.replica_sets()) == ["web:3", "web:4", "web:5"]


def test_min_ready_seconds_delays_availability(bench: Bench) -> None:
    bench.create(1, minReadySeconds=10)
    bench.passes(5)
    assert bench.deployment["status"]["readyReplicas"] == 1
    assert "availableReplicas" not in bench.deployment["status"]
    bench.clock.move(11)
    bench.passes(2)
    assert bench.deployment["status"]["availableReplicas"] == 1


def test_scaling_down_takes_the_unready_first(bench: Bench) -> None:
    bench.create(2)
    bench.passes(5)
    good = {pod["metadata"]["name"] for pod in bench.pods()}
    bench.change(replicas=3)
    bench.passes(2, ready=False)
    assert len(bench.pods()) == 3
    bench.change(replicas=2)
    bench.passes(2, ready=False)
    assert {pod["metadata"]["name"] for pod in bench.pods()} == good


def test_a_recreated_deployment_takes_no_pods_of_the_old_one(bench: Bench) -> None:
    bench.create(2)
    bench.passes(5)
    old = {pod["metadata"]["name"] for pod in bench.pods()}
    bench.store.delete("deployments", NAMESPACE, "web")
    bench.create(2)
    bench.passes(6)
    assert len(bench.pods()) == 2
    assert not old & {pod["metadata"]["name"] for pod in bench.pods()}
    assert bench.deployment["metadata"]["annotations"][REVISION] == "1"


def test_scaling_is_told_once_and_counted(bench: Bench) -> None:
    bench.create(2)
    bench.passes(6)
    told = [e for e in bench.store.list("events") if e["reason"] == "ScalingReplicaSet"]
    assert [e["count"] for e in told] == [1]
    assert told[0]["message"].endswith("from 0 to 2")
    bench.clock.move(3700)
    bench.passes(1)
    assert not bench.store.list("events")
