"""Memory limits: what is charged to a container, and what happens to one that holds too much."""

from __future__ import annotations

from embedded_node_bench import Node, script

from lab.cluster.embedded.kubelet.sampling import TreeSampler, Usage, UsageMeter, proportional_bytes
from lab.cluster.embedded.store import Obj

HOLD = "kept = bytearray({size}); kept[::4096] = b'x' * len(kept[::4096])"
LIMIT = {"resources": {"limits": {"memory": "100Mi"}, "requests": {"memory": "80Mi"}}}


def holding(size: int, *, before: str = "", after: str = "time.sleep(60)") -> Obj:
    """A script that holds `size` bytes."""
    return script("\n".join(("import os, time", before, HOLD.format(size=size), after)))


async def test_out_of_memory_is_killed_and_named(node: Node) -> None:
    node.add_pod("hog", {**holding(300_000_000), **LIMIT}, restartPolicy="Never")
    ended = await node.until(lambda: node.terminated("hog"))
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
    pod = node.pod("hog")
    assert pod is not None
    assert pod["status"]["phase"] == "Failed"


async def test_out_of_memory_restarts_and_backs_off(node: Node) -> None:
    node.add_pod("leak", {**holding(300_000_000), **LIMIT})
    await node.until(lambda: node.waiting("leak") == "CrashLoopBackOff")
    status = node.container("leak")
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert status["lastState"]["terminated"]["exitCode"] == 137
    assert status["restartCount"] >= 1
    assert "BackOff" in node.reasons("leak")
    assert status["resources"] == LIMIT["resources"]
    assert status["allocatedResources"] == {"memory": "80Mi"}


async def test_a_child_with_a_session_of_its_own_is_charged(node: Node) -> None:
    parent = "child = os.fork()\nif child:\n    os.waitpid(child, 0)\n    time.sleep(60)\nos.setsid()"
    node.add_pod("forks", {**holding(300_000_000, before=parent), **LIMIT}, restartPolicy="Never")
    ended = await node.until(lambda: node.terminated("forks"))
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


async def test_pages_that_children_share_are_charged_once(node: Node) -> None:
    after = "[os.fork() or time.sleep(60) for _ in range(4)]\nprint('forked', flush=True)\ntime.sleep(60)"
    node.add_pod("shares", {**holding(50_000_000, after=after), **LIMIT}, restartPolicy="Never")
    await node.until(lambda: "forked" in node.log("shares"))
    pod = node.pod("shares")
    assert pod is not None

    def resident() -> bool:
        usage = node.kubelet.usage(pod["metadata"]["uid"], "main")
        return usage is not None and usage.memory_bytes > 200_000_000

    await node.until(resident)
    assert not node.terminated("shares")


async def test_usage_is_sampled(node: Node) -> None:
    pod = node.add_pod("idle", script("import time; print('up', flush=True); time.sleep(60)"))
    uid = pod["metadata"]["uid"]
    usage = await node.until(lambda: node.kubelet.usage(uid, "main"))
    assert usage.memory_bytes > 0


def test_nothing_is_looked_at_where_nothing_runs() -> None:
    assert TreeSampler().sample(()) == {}


def test_a_process_that_is_gone_holds_nothing() -> None:
    assert proportional_bytes([2**22 + 1]) in (0, None)


def test_cpu_use_is_a_rate_over_the_last_seconds() -> None:
    meter = UsageMeter()

    def cores(cpu_seconds: float, now: float) -> float | None:
        meter.take({7: Usage(20, cpu_seconds)}, now=now)
        shown = meter.of(7)
        return None if shown is None else round(shown.cpu_cores, 3)

    assert cores(1.0, 0.0) is None, "one sample tells no rate"
    assert cores(1.5, 1.0) == 0.5
    assert [cores(1.5, float(second)) for second in range(2, 6)] == [0.25, 0.167, 0.125, 0.1]
    assert cores(1.5, 6.0) == 0.0, "what was used before the window is forgotten"
    assert cores(0.5, 7.0) == 0.0, "a child that ends takes its time with it"
    meter.take({}, now=8.0)
    assert meter.of(7) is None
