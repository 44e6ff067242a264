"""Controllers, kubelet and proxies together: a Deployment behind its Service, rolled and removed."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from typing import Any

from embedded_node_bench import NAMESPACE, PYTHON, Node
from test_node_kubelet_life import web

from lab.cluster.embedded.netproxy import service_address


def deployment(replicas: int) -> dict[str, Any]:
    container = {"name": "main", "image": PYTHON, **web()}
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 2},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": spec}


async def get(address: tuple[str, int]) -> bytes:
    """The body of `GET /`."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]


def is_rolled_out(node: Node) -> bool:
    held = node.store.get("deployments", NAMESPACE, "web")
    assert held is not None
    status, wanted = held.get("status") or {}, held["spec"]["replicas"]
    return bool(
        status.get("observedGeneration") == held["metadata"]["generation"]
        and status.get("updatedReplicas") == status.get("replicas") == status.get("availableReplicas") == wanted
    )


async def test_service_balances_and_survives_a_rollout(node: Node) -> None:
    number = 18610
    spec = {
        "clusterIP": f"{node.settings.service_prefix}10",
        "selector": {"app": "web"},
        "ports": [{"name": "http", "port": number, "targetPort": "http"}],
    }
    node.store.create("services", {"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": spec})
    node.store.create("deployments", deployment(2))
    await node.until(lambda: is_rolled_out(node), "rolled out")
    address = service_address(node.store, NAMESPACE, "web")
    assert address == (f"{node.settings.service_prefix}10", number)
    answers = Counter([await get(address) for _ in range(10)])
    first = {pod["metadata"]["name"].encode() for pod in node.store.list("pods")}
    assert set(answers) == first

    held = copy.deepcopy(node.store.get("deployments", NAMESPACE, "web"))
    assert held is not None
    held["spec"]["template"]["metadata"]["annotations"] = {"restarted": "now"}
    node.store.update("deployments", held)
    seen: list[bytes] = []
    while not is_rolled_out(node):
        seen.append(await asyncio.wait_for(get(address), 10))
        await asyncio.sleep(0.02)
    assert b"" not in seen
    assert {await get(address) for _ in range(4)}.isdisjoint(first)

    node.store.delete("deployments", NAMESPACE, "web")
    await node.until(lambda: not node.store.list("pods"), "all Pods gone")
