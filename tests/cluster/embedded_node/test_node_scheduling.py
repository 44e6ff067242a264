"""Which Pods the node takes, what the others are told, and what makes room for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from embedded_node_bench import NAMESPACE, FakeClock, new_store, pod_manifest

from lab.cluster.embedded.controllers.common import condition
from lab.cluster.embedded.controllers.events import Recorder
from lab.cluster.embedded.kubelet.registration import SIZE_ANNOTATION, offer_extended, register_node
from lab.cluster.embedded.kubelet.scheduling import Scheduler
from lab.cluster.embedded.options import AutoscalerOptions, ClusterOptions, NodeSize, read_options, write_options
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, Store

GPU = "nvidia.com/gpu"
SIZE = NodeSize(cpu="2", memory="1Gi", pods=4, extended={GPU: 1})


class Bench:
    """A node of a known size, and Pods that ask for some of it."""

    def __init__(self, settings: NodeSettings, clock: FakeClock) -> None:
        self.settings = replace(settings, options=ClusterOptions(node=SIZE))
        self.store: Store = new_store(clock=clock)
        self.clock = clock
        register_node(self.store, self.settings, clock())
        recorder = Recorder(self.store, "default-scheduler", clock=clock)
        self.scheduler = Scheduler(self.store, self.settings.node_name, recorder, clock)

    def add(self, name: str, **asked: Any) -> None:
        resources = {"limits": asked, "requests": asked} if asked else {}
        self.store.create("pods", pod_manifest(name, {"resources": resources}))

    def pod(self, name: str) -> Obj:
        found = self.store.get("pods", NAMESPACE, name)
        assert found is not None
        return found

    def end(self, name: str, phase: str) -> None:
        self.store.update("pods", {**self.pod(name), "status": {"phase": phase}}, subresource="status")

    def bound(self) -> set[str]:
        self.scheduler.schedule()
        return {pod["metadata"]["name"] for pod in self.store.list("pods") if pod["spec"].get("nodeName")}

    def refusal(self, name: str) -> str:
        found = condition(self.pod(name), "PodScheduled") or {}
        assert (found["status"], found["reason"]) == ("False", "Unschedulable")
        assert self.pod(name)["status"]["phase"] == "Pending"
        return str(found["message"])

    def node(self) -> Obj:
        found = self.store.get("nodes", "", self.settings.node_name)
        assert found is not None
        return found


@pytest.fixture
def bench(settings: NodeSettings, clock: FakeClock) -> Bench:
    return Bench(settings, clock)


def test_the_node_says_who_set_its_size(bench: Bench) -> None:
    status = bench.node()["status"]
    assert status["capacity"] == status["allocatable"]
    assert {name: status["capacity"][name] for name in ("cpu", "memory", "pods", GPU)} == {
        "cpu": "2", "memory": "1Gi", "pods": "4", GPU: "1",
    }  # fmt: skip
    assert bench.node()["metadata"]["annotations"][SIZE_ANNOTATION].startswith("set by the lab; the machine below")


def test_a_second_pod_waits_for_the_one_gpu_until_it_is_freed(bench: Bench) -> None:
    bench.add("first", **{GPU: "1"})
    bench.add("second", **{GPU: "1"})
    assert bench.bound() == {"first"}
    assert bench.refusal("second") == "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    told = [e for e in bench.store.list("events") if e["reason"] == "FailedScheduling"]
    assert [(e["involvedObject"]["name"], e["type"]) for e in told] == [("second", "Warning")]
    version = bench.store.version
    assert bench.bound() == {"first"}
    assert bench.store.version == version, "a refusal that is known is not written again"
    bench.end("first", "Succeeded")
    assert bench.bound() == {"first", "second"}


def test_a_pod_that_is_deleted_gives_back_what_it_had(bench: Bench) -> None:
    bench.add("first", cpu="2")
    bench.add("second", cpu="1")
    assert bench.bound() == {"first"}
    bench.store.remove("pods", NAMESPACE, "first")
    assert bench.bound() == {"second"}


def test_every_shortage_is_named_and_smaller_pods_still_run(bench: Bench) -> None:
    bench.add("big", cpu="3", memory="2Gi")
    bench.clock.move(1)
    bench.add("small", cpu="500m")
    assert bench.bound() == {"small"}
    assert bench.refusal("big") == "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory."


def test_requests_count_and_not_limits(bench: Bench) -> None:
    resources = {"requests": {"cpu": "100m"}, "limits": {"cpu": "2"}}
    for name in ("a", "b"):
        bench.store.create("pods", pod_manifest(name, {"resources": resources}))
    assert bench.bound() == {"a", "b"}


def test_the_node_takes_so_many_pods_and_no_more(bench: Bench) -> None:
    for number in range(5):
        bench.clock.move(1)
        bench.add(f"p{number}")
    assert bench.bound() == {"p0", "p1", "p2", "p3"}
    assert bench.refusal("p4") == "0/1 nodes are available: 1 Too many pods."


def test_a_cordoned_node_takes_nothing(bench: Bench) -> None:
    bench.store.update("nodes", {**bench.node(), "spec": {"unschedulable": True}})
    bench.add("p")
    assert bench.bound() == set()
    assert bench.refusal("p") == "0/1 nodes are available: 1 node(s) were unschedulable."
    bench.store.update("nodes", {**bench.node(), "spec": {}})
    assert bench.bound() == {"p"}


def test_an_extended_resource_is_advertised_by_its_capacity(bench: Bench) -> None:
    status = bench.node()["status"]
    grown = {**status, "capacity": {**status["capacity"], "example.com/dongle": "2", GPU: "3", "cpu": "99"}}
    bench.store.update("nodes", {**bench.node(), "status": grown}, subresource="status")
    offer_extended(bench.store, bench.settings)
    allocatable = bench.node()["status"]["allocatable"]
    assert (allocatable["example.com/dongle"], allocatable[GPU], allocatable["cpu"]) == ("2", "3", "2")
    bench.add("p", **{"example.com/dongle": "2"})
    assert bench.bound() == {"p"}


def test_options_survive_on_disk_and_have_defaults(tmp_path: Path) -> None:
    assert read_options(tmp_path) == ClusterOptions()
    options = ClusterOptions(node=SIZE, autoscaler=AutoscalerOptions(sync_seconds=2.0))
    write_options(tmp_path, options)
    assert read_options(tmp_path) == options
