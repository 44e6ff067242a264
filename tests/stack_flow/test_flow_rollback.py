"""A worse release as canary in the running stack: the gateway's process finds out and takes it out by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_rig import CANARY, INFER, SERVICE
from stack_flow_kubernetes import pod_document
from stack_flow_rig import Component, Rig, until

from stack.data.pool import load_pool
from stack.feed.replay import replay, request_body
from stack.wire.client import Address, Pool

ROUTES = "routes: [{{service: model-server, weight: {0}}}, {{service: model-server-canary, weight: {1}}}]\n"
REVISION = "model-server-canary-7d9c5b@9.9.9"


@pytest.fixture
def canary(rig: Rig, tmp_path: Path) -> Iterator[str]:
    """A canary that refuses a third of its requests; its pod's name."""
    release = tmp_path / "9.9.9.yaml"
    release.write_text("notes: Stricter limits\nreject: {share: 0.33, status: 500}\n")
    component = rig.start("model-server", environ={"RELEASE_FILE": str(release), "RELEASE": "9.9.9"})
    component.await_ready("/v2/health/ready")
    pod = f"{CANARY}-7d9c5b-x2x4z"
    rig.kubernetes.put(pod_document(pod, CANARY, component.address, tag="9.9.9"))
    yield pod
    rig.kubernetes.delete(pod)
    component.stop()


@pytest.fixture
def gateway(rig: Rig, tmp_path: Path) -> Iterator[tuple[Component, Path]]:
    """A gateway of its own beside the stack's, with its routes file; Kubernetes knows nothing of it."""
    path = tmp_path / "routes.yaml"
    path.write_text("routes: [{service: model-server, weight: 100}]\n")
    discovery = f"--discovery=http://{rig.discovery.address}"
    component = rig.start("gateway", discovery, environ={"ROUTES_FILE": str(path)})
    component.await_ready()
    yield component, path
    component.stop()


async def send(gateway: Component, count: int) -> list[int]:
    """The statuses of scoring requests for real flights, one after the other."""
    flights = replay(load_pool("calm"), seed=3)
    pool = Pool(Address.parse(gateway.address))
    statuses = [(await pool.ask("POST", INFER, request_body(next(flights)))).status for _ in range(count)]
    pool.close()
    return statuses


def weight(gateway: Component) -> float:
    return gateway.value("gateway_route_weight", track=CANARY)


def test_a_worse_canary_is_told_apart_and_reverted(gateway: tuple[Component, Path], canary: str) -> None:
    running, routes = gateway
    assert set(asyncio.run(send(running, 20))) == {200}
    routes.write_text(ROUTES.format(50, 50) + "rollback: {enabled: true}\n")
    until("the canary has its weight", lambda: weight(running) == 50)
    until("the canary is known", lambda: running.json("/routes")["routes"][1]["replicas"] == 1)

    statuses = asyncio.run(send(running, 300))
    assert 10 <= statuses.count(500) <= 60
    assert set(statuses[-100:]) == {200}
    assert weight(running) == 0
    told = running.json("/routes")["routes"]
    assert told[1]["reverted"][REVISION]["metric"] == "errors"
    assert told[1]["compared"]["primary"]["errors"] == 0
    assert running.value("gateway_upstream_requests_total", track=CANARY, replica=canary, code="500") >= 10
    assert running.value("gateway_upstream_requests_total", track=SERVICE, code="500") == 0
    assert "worse in errors" in running.log.read_text()

    routes.write_text(ROUTES.format(50, 50) + "rollback: {enabled: true}  # looked at again\n")
    assert set(asyncio.run(send(running, 50))) == {200}
    routes.write_text("routes: nonsense\n")
    until("the broken file is reported", lambda: running.value("gateway_routes_valid") == 0)
    assert set(asyncio.run(send(running, 20))) == {200}
    assert weight(running) == 0
