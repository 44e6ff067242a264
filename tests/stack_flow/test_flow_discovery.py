"""Discovery against a Kubernetes API: what it tells, how fast it hears, and what it survives."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from stack_flow_kubernetes import FakeKubernetes, pod_document

from stack.common.errors import StartError
from stack.discovery.api import Known, access_from, follow_pods
from stack.discovery.app import DiscoveryApp, DiscoveryMetrics
from stack.discovery.bookings import Bookings, amount, read_booking
from stack.discovery.pods import read_pod
from stack.discovery.view import View
from stack.wire.server import Request

LOG = logging.getLogger("discovery-test")


class Discovery:
    """Discovery without a socket of its own."""

    def __init__(self, kubernetes: FakeKubernetes) -> None:
        self.known = Known(View(first_version=1000), Bookings(first_version=1000))
        self.view = self.known.view
        self.metrics = DiscoveryMetrics("1.0.0", self.view)
        self.app = DiscoveryApp(self.view, self.known.bookings, self.metrics)
        self.app.started = True
        self._access = access_from(kubernetes.account.environ)

    async def follow(self) -> None:
        await follow_pods(self._access, self.known, self.metrics.failures, LOG)

    async def get(self, path: str, **query: str) -> tuple[int, Any]:
        answer = await self.app.handle(Request("GET", path, query, b"", 0.0))
        return answer.status, json.loads(answer.body)

    async def endpoints(self, service: str = "gateway") -> list[str]:
        return [item["pod"] for item in (await self.get(f"/endpoints/{service}"))[1]["endpoints"]]


@asynccontextmanager
async def following(kubernetes: FakeKubernetes) -> AsyncIterator[Discovery]:
    discovery = Discovery(kubernetes)
    task = asyncio.create_task(discovery.follow())
    try:
        await reach(lambda: discovery.view.synced and kubernetes.watches)
        yield discovery
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def reach(condition: Any) -> None:
    """Wait until the condition holds, ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def put(kubernetes: FakeKubernetes, name: str, component: str = "gateway", **changes: Any) -> None:
    kubernetes.put(pod_document(name, component, "127.10.0.5:8600", **changes))


async def test_targets_are_running_pods_that_ask_for_it(kubernetes: FakeKubernetes) -> None:
    put(kubernetes, "gateway-a", tag="1.9.0")
    put(kubernetes, "gateway-b", ready=False)
    put(kubernetes, "gateway-c", phase="Pending")
    put(kubernetes, "gateway-d", annotations={"prometheus.io/scrape": "false"})
    async with following(kubernetes) as discovery:
        status, groups = await discovery.get("/targets")
        assert status == 200
        assert [group["labels"]["pod"] for group in groups] == ["gateway-a", "gateway-b"]
        assert groups[0] == {
            "targets": ["127.10.0.5:8600"],
            "labels": {"job": "gateway", "pod": "gateway-a", "release": "1.9.0", "namespace": "lab-test"},
        }
        assert await discovery.endpoints() == ["gateway-a", "gateway-d"]


async def test_a_waiting_reader_hears_at_once_that_a_replica_is_leaving(kubernetes: FakeKubernetes) -> None:
    put(kubernetes, "gateway-a")
    put(kubernetes, "gateway-b")
    put(kubernetes, "feed-a", "feed")
    async with following(kubernetes) as discovery:
        _, first = await discovery.get("/endpoints/gateway")
        version = str(first["version"])
        waiting = asyncio.create_task(discovery.get("/endpoints/gateway", after=version, wait="30"))
        await asyncio.to_thread(put, kubernetes, "feed-b", "feed")
        await reach(lambda: len(discovery.view.ready("feed")) == 2)
        assert not waiting.done(), "another component's change is none of this reader's business"
        began = asyncio.get_running_loop().time()
        await asyncio.to_thread(put, kubernetes, "gateway-a", terminating=True)
        async with asyncio.timeout(10):
            _, second = await waiting
        assert [item["pod"] for item in second["endpoints"]] == ["gateway-b"]
        assert second["version"] != first["version"]
        assert asyncio.get_running_loop().time() - began < 5
        assert len((await discovery.get("/targets"))[1]) == 4, "it is scraped until it is gone"


async def test_a_reader_that_waits_in_vain_gets_the_same_list(kubernetes: FakeKubernetes) -> None:
    put(kubernetes, "gateway-a")
    async with following(kubernetes) as discovery:
        _, first = await discovery.get("/endpoints/gateway")
        assert await discovery.get("/endpoints/gateway", after=str(first["version"]), wait="0.05") == (200, first)
        assert (await discovery.get("/endpoints/gateway", after="x"))[0] == 400
        assert (await discovery.get("/endpoints/nobody"))[1]["endpoints"] == []


async def test_a_cut_watch_is_taken_up_again_and_an_expired_one_lists_anew(kubernetes: FakeKubernetes) -> None:
    put(kubernetes, "gateway-a")
    async with following(kubernetes) as discovery:
        await asyncio.to_thread(kubernetes.break_watches)
        await asyncio.to_thread(put, kubernetes, "gateway-b")
        await reach(lambda: len(discovery.view.ready("gateway")) == 2)
        lists = kubernetes.lists
        await asyncio.to_thread(kubernetes.break_watches, forget=True)
        await asyncio.to_thread(kubernetes.delete, "gateway-a")
        await reach(lambda: [pod.name for pod in discovery.view.ready("gateway")] == ["gateway-b"])
        assert kubernetes.lists > lists


async def test_while_the_api_refuses_the_last_list_stays(kubernetes: FakeKubernetes) -> None:
    put(kubernetes, "gateway-a")
    async with following(kubernetes) as discovery:
        token = kubernetes.account.folder / "token"
        text = token.read_text()
        token.write_text("another")
        await asyncio.to_thread(kubernetes.break_watches)
        failures = discovery.metrics.registry.get_sample_value
        await reach(lambda: (failures("discovery_api_failures_total") or 0) >= 2)
        assert await discovery.endpoints() == ["gateway-a"]
        token.write_text(text)
        await asyncio.to_thread(put, kubernetes, "gateway-b")
        await reach(lambda: len(discovery.view.ready("gateway")) == 2)


async def test_nothing_is_told_before_the_pods_were_listed(kubernetes: FakeKubernetes) -> None:
    discovery = Discovery(kubernetes)
    for path in ("/targets", "/endpoints/gateway", "/healthz"):
        assert (await discovery.get(path))[0] == 503
    assert (await discovery.get("/livez"))[0] == 200
    assert (await discovery.get("/nothing"))[0] == 404


def test_the_port_is_the_one_in_force_and_the_release_the_image_tag() -> None:
    document = pod_document("a", "gateway", "10.0.0.1:8600", annotations={"mlops-lab/ports": '{"8600": 41234}'})
    document["spec"]["containers"][0]["image"] = "registry.example:5000/mlops-lab/gateway:1.9.0@sha256:ab"
    pod = read_pod(document)
    assert pod is not None
    assert (pod.address, pod.release) == ("10.0.0.1:41234", "1.9.0")
    document["metadata"]["labels"] = {}
    assert read_pod(document) is None


def test_without_a_service_account_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="SERVICEACCOUNT_DIR is not set"):
        access_from({})
    environ = {
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
        "SERVICEACCOUNT_DIR": str(tmp_path),
    }
    with pytest.raises(StartError, match="no service account here"):
        access_from(environ)


def booked_pod(name: str, cpu: str, **changes: Any) -> dict[str, Any]:
    document = pod_document(name, "gateway", "10.0.0.1:8600", **changes)
    document["spec"]["nodeName"] = "node-1"
    document["spec"]["containers"][0]["resources"] = {"requests": {"cpu": cpu}, "limits": {"memory": "64Mi"}}
    return document


async def test_bookings_follow_the_pods_and_wake_those_who_wait(kubernetes: FakeKubernetes) -> None:
    kubernetes.put(booked_pod("gateway-a", "50m"))
    kubernetes.put(booked_pod("job-a", "1", phase="Succeeded"))
    put(kubernetes, "waits-for-a-node")
    async with following(kubernetes) as discovery:
        _, first = await discovery.get("/pods")
        assert [pod["name"] for pod in first["pods"]] == ["gateway-a"]
        assert first["pods"][0]["containers"] == [{"name": "gateway", "cpu": 0.05, "memory": 64 * 2**20, "gpu": 0.0}]
        waiting = asyncio.create_task(discovery.get("/pods", after=str(first["version"]), wait="20"))
        await asyncio.to_thread(kubernetes.put, booked_pod("gateway-b", "0.1"))
        _, second = await waiting
        assert [pod["name"] for pod in second["pods"]] == ["gateway-a", "gateway-b"]
        assert second["version"] > first["version"]
        assert (await discovery.get("/pods", wait="long"))[0] == 400


def test_a_booking_tells_who_made_the_pod_and_counts_devices() -> None:
    document = booked_pod("train-1", "2")
    document["metadata"] |= {"labels": {}, "uid": "u-1", "ownerReferences": [{"kind": "Job", "name": "train"}]}
    document["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "1", "cpu": "250m"}}
    booking = read_booking(document)
    assert booking is not None
    assert (booking.owner, booking.uid, booking.component) == ("Job", "u-1", "")
    assert (booking.containers[0].cpu, booking.containers[0].gpu) == (0.25, 1.0)


@pytest.mark.parametrize(
    ("text", "value"), [("250m", 0.25), ("1.5", 1.5), ("64Mi", 64 * 2**20), ("2e3", 2000), ("1E", 1e18), ("3k", 3000)]
)
def test_quantities_are_read_as_kubernetes_means_them(text: str, value: float) -> None:
    assert amount(text) == value
    with pytest.raises(ValueError, match="quantity"):
        amount("12 cores")
