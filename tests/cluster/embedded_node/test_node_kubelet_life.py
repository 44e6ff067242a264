"""Pods as processes: they run in their own environment, become ready, and end as they are asked to."""

from __future__ import annotations

import asyncio
import json
import os
import re
from urllib.request import urlopen

from embedded_node_bench import NAMESPACE, Node, script

SERVER = """
import http.server, os, signal, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.path != "/ready" or not os.path.exists("sick")
        self.send_response(200 if good else 503); self.end_headers(); self.wfile.write(os.environ["POD_NAME"].encode())
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer((os.environ["POD_IP"], int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("listening", flush=True)
server.serve_forever()
print("bye", flush=True)
"""

ADDRESS_ENV = [
    {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    {"name": "PORT", "value": "8601"},
]
PORTS = [{"name": "http", "containerPort": 8601}]


def web() -> dict[str, object]:
    probe = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
    return {**script(SERVER), "env": ADDRESS_ENV, "ports": PORTS, "readinessProbe": probe}


async def test_runs_ready_and_stops_gracefully(node: Node) -> None:
    node.add_pod("web", web())
    await node.until(lambda: node.is_ready("web"), "ready")
    pod = node.pod("web")
    assert pod is not None
    status = pod["status"]
    assert status["phase"] == "Running"
    assert {c["type"]: c["status"] for c in status["conditions"]}["Ready"] == "True"
    with await asyncio.to_thread(urlopen, f"http://{status['podIP']}:8601/") as answer:
        assert answer.read() == b"web"
    assert {"Scheduled", "Pulled", "Created", "Started"} <= node.reasons("web")
    lines = node.log("web").splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout F listening", lines[0])
    folder = node.settings.state_dir / "pods" / pod["metadata"]["uid"]
    node.store.delete("pods", NAMESPACE, "web")
    await node.until(lambda: node.pod("web") is None, "gone")
    assert "Killing" in node.reasons("web")
    await node.until(lambda: not folder.exists(), "folder gone")


async def test_readiness_follows_the_probe(node: Node) -> None:
    node.add_pod("web", web())
    await node.until(lambda: node.is_ready("web"))
    pod = node.pod("web")
    assert pod is not None
    sick = node.settings.state_dir / "pods" / pod["metadata"]["uid"] / "_root" / "sick"
    sick.touch()
    await node.until(lambda: not node.is_ready("web"), "unready")
    assert node.container("web")["restartCount"] == 0
    messages = [e["message"] for e in node.store.list("events") if e["reason"] == "Unhealthy"]
    assert "Readiness probe failed: HTTP probe failed with statuscode: 503" in messages
    sick.unlink()
    await node.until(lambda: node.is_ready("web"), "ready again")


async def test_environment_is_clean_and_expanded(node: Node) -> None:
    os.environ["LEAKED_FROM_USER"] = "1"
    try:
        container = script("import json, os, sys; print(json.dumps([dict(os.environ), sys.argv]))")
        container["env"] = [{"name": "BASE", "value": "b"}, {"name": "BOTH", "value": "$(BASE)$(FROM_IMAGE)$$(BASE)"}]
        container["args"] = ["$(BOTH)", "$(UNKNOWN)"]
        node.add_pod("env", container, restartPolicy="Never")
        await node.until(lambda: node.terminated("env"))
    finally:
        del os.environ["LEAKED_FROM_USER"]
    env, argv = json.loads(node.log("env").split(" F ", 1)[1])
    assert "LEAKED_FROM_USER" not in env
    assert env["FROM_IMAGE"] == "yes"
    assert argv[1:] == ["b$(FROM_IMAGE)$(BASE)", "$(UNKNOWN)"]
    assert env["KUBERNETES_SERVICE_PORT"] == "6443"
    pod = node.pod("env")
    assert pod is not None
    assert pod["status"]["phase"] == "Succeeded"


async def test_a_stubborn_process_is_killed_after_its_grace(node: Node) -> None:
    text = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    node.add_pod("stubborn", script(text), terminationGracePeriodSeconds=1)
    await node.until(lambda: "up" in node.log("stubborn"))
    node.store.delete("pods", NAMESPACE, "stubborn")
    await node.until(lambda: node.pod("stubborn") is None)


async def test_forced_deletion_kills_at_once(node: Node) -> None:
    pod = node.add_pod("forced", script("import time; print('up', flush=True); time.sleep(60)"))
    await node.until(lambda: "up" in node.log("forced"))
    assert node.kubelet.exec_context(pod["metadata"]["uid"], "main") is not None
    node.store.delete("pods", NAMESPACE, "forced", grace_seconds=0)
    await node.until(lambda: node.kubelet.exec_context(pod["metadata"]["uid"], "main") is None)


async def test_a_taken_port_is_replaced_and_published(node: Node) -> None:
    taker = await asyncio.start_server(lambda _r, w: w.close(), "0.0.0.0", 0)
    number = taker.sockets[0].getsockname()[1]
    try:
        container = web()
        container["ports"] = [{"name": "http", "containerPort": number}]
        container["env"] = [*ADDRESS_ENV[:2], {"name": "PORT", "value": str(number)}]
        node.add_pod("moved", container)
        await node.until(lambda: node.is_ready("moved"), "ready on another port")
    finally:
        taker.close()
        await taker.wait_closed()
    pod = node.pod("moved")
    assert pod is not None
    chosen = json.loads(pod["metadata"]["annotations"]["mlops-lab/ports"])
    assert chosen[str(number)] != number


async def test_a_cordoned_node_takes_no_pods(node: Node) -> None:
    found = await node.until(lambda: node.store.get("nodes", "", node.settings.node_name))
    node.store.update("nodes", {**found, "spec": {"unschedulable": True}})
    node.add_pod("later", script("print('up')"))
    await node.until(lambda: "FailedScheduling" in node.reasons("later"))
    found = node.store.get("nodes", "", node.settings.node_name)
    assert found is not None
    node.store.update("nodes", {**found, "spec": {}})
    await node.until(lambda: "up" in node.log("later"))
