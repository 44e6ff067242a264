"""Kills, interruptions and taken ports: status tells the truth, reset ends at Ready, down leaves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from liveboxes import Box, eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

SLUG = "hangs-now-and-then"


def keeper_of(box: Box) -> psutil.Process:
    (found,) = [process for process in box.processes() if "lab.keeper" in " ".join(process.cmdline())]
    return found


def test_up_twice_and_the_addresses_answer(box: Box) -> None:
    first = box.lab("up", "--json")
    assert first.code == 0, first.err
    assert first.json["ready"] is True
    pids = first.json["pids"]
    again = box.lab("up", "--json")
    assert again.json["pids"] == pids
    assert {"gateway", "prometheus", "feed"} <= again.json["urls"].keys()


def test_a_closed_terminal_leaves_the_run_and_coming_back_finds_it(box: Box) -> None:
    started = box.lab("incident", "start", SLUG, "--seed", "1", "--json")
    assert started.json["phase"] == "on_call", started.err
    assert box.status()["run"]["id"] == started.json["run_id"]
    assert box.lab("incident", "status", "--json").json["phase"] == "on_call"


def test_a_killed_keeper_is_taken_over_by_the_next_command(box: Box) -> None:
    before = box.lab("incident", "status", "--json").json
    keeper = keeper_of(box)
    keeper.kill()
    keeper.wait(5)
    done = box.lab("incident", "declare", "--severity", "SEV3", "--json")
    after = box.lab("incident", "status", "--json").json
    assert after["run_id"] == before["run_id"]
    if after["phase"] == "void":
        assert "hole" in after["phase_reason"], "a machine this slow may void the run, for that reason alone"
    else:
        assert done.json["declaration"]["severity"] == "SEV3"
        assert keeper_of(box).pid != keeper.pid


def test_reset_in_the_middle_of_a_run_ends_it_and_ends_at_ready(box: Box) -> None:
    box.lab("ops", "scale", "deployment/feed", "--replicas=0")
    box.lab("ops", "set", "env", "deployment/gateway", "DEADLINE_MS=1")
    done = box.lab("reset", "--json")
    assert done.code == 0, done.err
    assert done.json["ready"] is True
    assert done.json["run"] is None
    runs = box.lab("incident", "list", "--json").json["runs"]
    assert runs[0]["phase"] in ("aborted", "void")
    env = box.lab("ops", "get", "deployments").out
    assert "1/1" in env
    assert "0/0" not in env


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_demo_that_is_ended_leaves_a_lab_that_can_be_reset(box: Box, number: signal.Signals) -> None:
    demo = box.start("demo", SLUG)
    eventually(lambda: box.status()["run"] is not None, 60, "the run began")
    demo.send_signal(number)
    demo.communicate(timeout=30)
    run = box.status()["run"]
    if number != signal.SIGKILL:
        assert run is None
    done = box.lab("reset", "--json")
    assert done.json["ready"] is True, done.err
    assert done.json["run"] is None


def test_a_killed_daemon_is_seen_and_brought_back(box: Box) -> None:
    pids = box.status()["pids"]
    os.kill(pids[0], signal.SIGKILL)
    eventually(lambda: not box.status()["ready"], 10, "status says that the stack is down")
    done = box.lab("up", "--json")
    assert done.json["ready"] is True, done.err


def test_a_port_that_is_taken_is_worked_around(box: Box) -> None:
    gateway = urlsplit(box.lab("up", "--json").json["urls"]["gateway"])
    assert gateway.hostname is not None
    box.lab("down")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((gateway.hostname, gateway.port or 80))
        other.listen()
        done = box.lab("up", "--json")
        assert done.json["ready"] is True, done.err
        eventually(
            lambda: "   1" in box.lab("ops", "query", "count(feed_planned_requests_total)").out, 20, "figures arrive"
        )
    box.lab("down")


def test_after_kill_9_of_the_daemon_down_leaves_no_process(box: Box) -> None:
    box.lab("up")
    pids = box.status()["pids"]
    os.kill(pids[0], signal.SIGKILL)
    assert box.lab("down").code == 0
    eventually(lambda: box.processes() == [], 10, "no process of the lab is left")


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
def test_kubectl_works_as_with_any_cluster(box: Box) -> None:
    box.lab("up")
    config = box.status()["kubeconfig"]

    def kubectl(*argv: str) -> str:
        command = ["kubectl", "--kubeconfig", config, *argv]
        env = {**os.environ, "KUBECACHEDIR": str(box.folder / "kubecache")}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout

    assert "model-server" in kubectl("get", "pods")
    assert kubectl("logs", "deployment/feed", "--tail=1")
    kubectl("set", "env", "deployment/gateway", "DEADLINE_MS=2500")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/gateway", "--timeout=30s")
    kubectl("rollout", "undo", "deployment/model-server")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/model-server", "--timeout=30s")
    repo = Path(box.status()["platform_repo"])
    assert "unchanged" in kubectl("apply", "-f", str(repo / "manifests" / "50-monitor.yaml"))


def test_two_labs_do_not_meet(box: Box, tmp_path: Path) -> None:
    box.lab("up")
    other = Box(tmp_path, box.cache)
    try:
        theirs = other.lab("up", "--json").json
        ours = box.status()
        assert theirs["ready"] is True
        assert not set(theirs["pids"]) & set(ours["pids"])
        assert not set(theirs["urls"].values()) & set(ours["urls"].values())
    finally:
        other.lab("down")
    assert box.status()["ready"] is True
