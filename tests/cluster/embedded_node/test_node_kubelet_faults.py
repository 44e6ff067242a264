"""What goes wrong with containers, told in the words of a real cluster."""

from __future__ import annotations

import sys
from typing import Any

from embedded_node_bench import NAMESPACE, PYTHON, Node, script

from lab.cluster.embedded.images import LocalImage, write_catalogue


async def test_crash_loop_backs_off_and_keeps_the_last_state(node: Node) -> None:
    node.add_pod("crash", script("import sys; print('life', flush=True); sys.exit(3)"))
    await node.until(lambda: node.waiting("crash") == "CrashLoopBackOff")
    status = node.container("crash")
    assert status["restartCount"] >= 1
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["lastState"]["terminated"]["reason"] == "Error"
    assert "back-off 0.2s restarting failed container=main" in status["state"]["waiting"]["message"]
    assert "BackOff" in node.reasons("crash")
    assert " F life" in node.log("crash", 0)
    assert " F life" in node.log("crash", 1)
    await node.until(lambda: node.container("crash")["restartCount"] >= 3)
    pod = node.pod("crash")
    assert pod is not None
    assert pod["status"]["phase"] == "Running"


async def test_missing_config_map_is_waited_for(node: Node) -> None:
    container: dict[str, Any] = script("import os; print(os.environ['LEVEL'])")
    container["env"] = [{"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "level"}}}]
    node.add_pod("needs", container, restartPolicy="Never")
    await node.until(lambda: node.waiting("needs") == "CreateContainerConfigError")
    message = node.container("needs")["state"]["waiting"]["message"]
    assert message == 'configmap "conf" not found'
    pod = node.pod("needs")
    assert pod is not None
    assert pod["status"]["phase"] == "Pending"
    made = node.store.create("configmaps", {"metadata": {"name": "conf", "namespace": NAMESPACE}, "data": {}})
    await node.until(lambda: "couldn't find key level" in str(node.container("needs")["state"]))
    node.store.update("configmaps", {**made, "data": {"level": "high"}})
    await node.until(lambda: node.terminated("needs"))
    assert node.log("needs").endswith(" F high\n")


async def test_missing_volume_source_is_a_failed_mount(node: Node) -> None:
    container: dict[str, Any] = script("print(open('/etc/conf/level').read())")
    container["volumeMounts"] = [{"name": "conf", "mountPath": "/etc/conf"}]
    node.add_pod("mounts", container, restartPolicy="Never", volumes=[{"name": "conf", "configMap": {"name": "c"}}])
    await node.until(lambda: "FailedMount" in node.reasons("mounts"))
    assert node.waiting("mounts") == "ContainerCreating"
    node.store.create("configmaps", {"metadata": {"name": "c", "namespace": NAMESPACE}, "data": {"level": "low"}})
    await node.until(lambda: node.terminated("mounts"))
    assert " F low" in node.log("mounts")


async def test_mounted_files_follow_the_config_map(node: Node) -> None:
    made = node.store.create(
        "configmaps", {"metadata": {"name": "c", "namespace": NAMESPACE}, "data": {"level": "low", "old": "x"}}
    )
    container: dict[str, Any] = script("import time; print('up', flush=True); time.sleep(60)")
    container["volumeMounts"] = [{"name": "conf", "mountPath": "/etc/conf"}]
    pod = node.add_pod("follows", container, volumes=[{"name": "conf", "configMap": {"name": "c"}}])
    await node.until(lambda: "up" in node.log("follows"))
    folder = node.settings.state_dir / "pods" / pod["metadata"]["uid"] / "_root" / "etc" / "conf"
    assert (folder / "level").read_text() == "low"
    node.store.update("configmaps", {**made, "data": {"level": "high"}})
    await node.until(lambda: (folder / "level").read_text() == "high")
    assert sorted(path.name for path in folder.iterdir()) == ["level"]


async def test_unknown_image_backs_off_until_it_is_there(node: Node) -> None:
    node.add_pod("pull", {"image": "lab/unknown:9", "args": ["-c", "print('found')"]}, restartPolicy="Never")
    await node.until(lambda: node.waiting("pull") == "ErrImagePull")
    await node.until(lambda: node.waiting("pull") == "ImagePullBackOff")
    write_catalogue(node.settings.state_dir, [LocalImage("lab/unknown:9", (sys.executable,), {})])
    await node.until(lambda: node.terminated("pull"))
    assert " F found" in node.log("pull")


async def test_an_image_that_must_not_be_pulled_says_so_at_once(node: Node) -> None:
    container = {"image": "lab/unknown:9", "imagePullPolicy": "Never", "args": ["-c", "print('found')"]}
    node.add_pod("never", container, restartPolicy="Never")
    await node.until(lambda: node.waiting("never") == "ErrImageNeverPull")
    assert "ErrImageNeverPull" in node.reasons("never")
    assert not {"Pulling", "BackOff"} & node.reasons("never")
    write_catalogue(node.settings.state_dir, [LocalImage("lab/unknown:9", (sys.executable,), {})])
    await node.until(lambda: node.terminated("never"))


async def test_missing_program_is_a_start_error(node: Node) -> None:
    node.add_pod("nothing", {"image": PYTHON, "command": ["no-such-program"]}, restartPolicy="Never")
    ended = await node.until(lambda: node.terminated("nothing"))
    assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)
    assert "no-such-program" in ended["message"]


async def test_failing_liveness_restarts(node: Node) -> None:
    probe = {"exec": {"command": ["/bin/sh", "-c", "exit 1"]}, "periodSeconds": 1, "failureThreshold": 1}
    node.add_pod("sick", {**script("import time; time.sleep(60)"), "livenessProbe": probe})
    await node.until(lambda: node.container("sick").get("restartCount", 0) >= 1)
    assert node.container("sick")["lastState"]["terminated"]["exitCode"] == 143
    assert {"Unhealthy", "Killing"} <= node.reasons("sick")


async def test_startup_probe_holds_the_others_back(node: Node) -> None:
    text = "import time; time.sleep(0.3); open('started', 'w').close(); time.sleep(60)"
    startup = {"exec": {"command": ["/bin/sh", "-c", "test -e started"]}, "periodSeconds": 1, "failureThreshold": 20}
    node.add_pod("slow", {**script(text), "startupProbe": startup})
    await node.until(lambda: "running" in node.container("slow").get("state", {}))
    assert not node.is_ready("slow")
    await node.until(lambda: node.is_ready("slow"))
    assert node.container("slow")["started"] is True


async def test_a_failing_startup_probe_restarts(node: Node) -> None:
    startup = {"exec": {"command": ["/bin/sh", "-c", "exit 1"]}, "periodSeconds": 1, "failureThreshold": 2}
    liveness = {"exec": {"command": ["/bin/sh", "-c", "touch alive"]}, "periodSeconds": 1}
    probes = {"startupProbe": startup, "livenessProbe": liveness}
    pod = node.add_pod("stuck", {**script("import time; time.sleep(60)"), **probes})
    await node.until(lambda: node.container("stuck").get("restartCount", 0) >= 1)
    told = [e["message"] for e in node.store.list("events") if e["reason"] in ("Killing", "Unhealthy")]
    assert "Container main failed startup probe, will be restarted" in told
    assert any(message.startswith("Startup probe failed") for message in told)
    folder = node.settings.state_dir / "pods" / pod["metadata"]["uid"] / "_root"
    assert not (folder / "alive").exists(), "liveness waits for startup"
