"""Jobs pass by pass: completions, failures, deadlines, suspension and what is left behind."""

from __future__ import annotations

from typing import Any

import pytest
from embedded_batch_bench import BatchBench
from embedded_node_bench import NAMESPACE, FakeClock, Node, script

from lab.cluster.embedded.defaults import fill
from lab.cluster.embedded.kinds import BY_RESOURCE
from lab.cluster.embedded.settings import NodeSettings

UID = "batch.kubernetes.io/controller-uid"


@pytest.fixture
def bench(settings: NodeSettings, clock: FakeClock) -> BatchBench:
    return BatchBench(settings, clock)


def test_one_pod_and_done(bench: BatchBench) -> None:
    made = bench.add_job()
    assert made["spec"]["selector"] == {"matchLabels": {UID: made["metadata"]["uid"]}}
    bench.passes(2)
    (pod,) = bench.pods()
    labels = pod["metadata"]["labels"]
    assert labels["app"] == "train"
    assert labels[UID] == labels["controller-uid"] == made["metadata"]["uid"]
    assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == "train"
    assert pod["metadata"]["name"].startswith("train-")
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "Job"
    assert bench.status() == {"active": 1, "succeeded": 0, "failed": 0}
    bench.clock.move(7)
    bench.end("Succeeded")
    bench.passes(2)
    assert bench.conditions() == {
        "SuccessCriteriaMet": ("True", "CompletionsReached"), "Complete": ("True", "CompletionsReached"),
    }  # fmt: skip
    status = bench.job()["status"]
    assert (status["succeeded"], status["ready"], status["terminating"], "active" in status) == (1, 0, 0, False)
    assert (status["startTime"], status["completionTime"]) == ("2030-01-01T12:00:00Z", "2030-01-01T12:00:07Z")
    assert {"SuccessfulCreate", "Completed"} <= set(bench.reasons())
    version = bench.store.version
    bench.passes(3)
    assert bench.store.version == version, "a finished Job is left alone"
    assert len(bench.pods("Succeeded")) == 1, "its Pods stay for their logs"


def test_completions_by_so_many_at_a_time(bench: BatchBench) -> None:
    bench.add_job(completions=5, parallelism=2)
    seen = []
    for _ in range(10):
        bench.passes(2)
        seen.append(bench.status()["active"])
        bench.end("Succeeded")
    assert max(seen) == 2
    assert bench.status() == {"active": 0, "succeeded": 5, "failed": 0}
    assert len(bench.pods()) == 5
    assert "Complete" in bench.conditions()


def test_a_work_queue_ends_with_its_last_pod(bench: BatchBench) -> None:
    bench.add_job(parallelism=3)
    bench.passes(2)
    assert "completions" not in bench.job()["spec"]
    bench.end("Succeeded")
    bench.passes(2)
    assert bench.status() == {"active": 2, "succeeded": 1, "failed": 0}
    bench.end("Succeeded", 2)
    bench.passes(2)
    assert "Complete" in bench.conditions()
    assert bench.status()["succeeded"] == 3


def test_failures_are_repeated_ever_later_until_the_limit(bench: BatchBench) -> None:
    bench.add_job(backoffLimit=2)
    waits = []
    for _ in range(3):
        waited = 0
        bench.passes(1)
        while not bench.pods("Running") and not bench.conditions():
            bench.passes(1, seconds=1)
            waited += 1
        waits.append(waited)
        bench.end("Failed")
    bench.passes(3)
    assert bench.conditions() == {
        "FailureTarget": ("True", "BackoffLimitExceeded"), "Failed": ("True", "BackoffLimitExceeded"),
    }  # fmt: skip
    assert bench.status() == {"active": 0, "succeeded": 0, "failed": 3}
    assert waits[0] == 0
    assert 10 <= waits[1] <= 12
    assert 20 <= waits[2] <= 22
    assert "completionTime" not in bench.job()["status"]
    assert "BackoffLimitExceeded" in bench.reasons()


def test_a_pod_that_somebody_deletes_has_failed_and_is_replaced(bench: BatchBench) -> None:
    bench.add_job()
    bench.passes(2)
    (first,) = bench.pods()
    bench.store.delete("pods", NAMESPACE, first["metadata"]["name"])
    bench.passes(15, seconds=1)
    assert bench.status() == {"active": 1, "succeeded": 0, "failed": 1}
    bench.store.remove("pods", NAMESPACE, bench.pods()[0]["metadata"]["name"])
    bench.passes(25, seconds=1)
    assert bench.status() == {"active": 1, "succeeded": 0, "failed": 2}


def test_restarts_count_as_failures_on_failure(bench: BatchBench) -> None:
    bench.add_job(restart="OnFailure", backoffLimit=2)
    bench.passes(2)
    (pod,) = bench.pods()
    for restarts, over in ((1, False), (2, True)):
        held = bench.get("pods", pod["metadata"]["name"])
        entry = {"name": "main", "restartCount": restarts}
        status = {"phase": "Running", "containerStatuses": [entry]}
        bench.store.update("pods", {**held, "status": status}, subresource="status")
        bench.passes(3)
        assert ("Failed" in bench.conditions()) is over
    assert bench.pods() == []


def test_a_deadline_ends_the_job_and_its_pods(bench: BatchBench) -> None:
    bench.add_job(activeDeadlineSeconds=30, completions=2, parallelism=2)
    bench.passes(2)
    bench.clock.move(29)
    bench.passes(2)
    assert bench.conditions() == {}
    bench.clock.move(1)
    bench.passes(3)
    assert bench.conditions()["Failed"] == ("True", "DeadlineExceeded")
    assert bench.pods() == []
    assert bench.status() == {"active": 0, "succeeded": 0, "failed": 0}


def test_suspended_and_resumed(bench: BatchBench) -> None:
    bench.add_job(suspend=True, activeDeadlineSeconds=30)
    bench.passes(3)
    assert bench.pods() == []
    assert bench.conditions() == {"Suspended": ("True", "JobSuspended")}
    assert "startTime" not in bench.job()["status"]
    bench.clock.move(100)
    bench.change("jobs", "train", suspend=False)
    bench.passes(2)
    assert bench.status()["active"] == 1
    assert bench.conditions() == {"Suspended": ("False", "JobResumed")}
    bench.change("jobs", "train", suspend=True)
    bench.passes(3)
    assert bench.pods() == []
    assert bench.status() == {"active": 0, "succeeded": 0, "failed": 0}
    assert bench.reasons().count("Suspended") == 1
    assert {"Suspended", "Resumed", "SuccessfulDelete"} <= set(bench.reasons())


def test_less_parallelism_takes_pods_away(bench: BatchBench) -> None:
    bench.add_job(completions=4, parallelism=3)
    bench.passes(2)
    bench.change("jobs", "train", parallelism=1)
    bench.passes(3)
    assert bench.status() == {"active": 1, "succeeded": 0, "failed": 0}


def test_a_finished_job_goes_after_its_time_and_takes_its_pods_along(bench: BatchBench) -> None:
    bench.add_job(ttlSecondsAfterFinished=60)
    bench.passes(2)
    bench.end("Succeeded")
    bench.passes(3)
    bench.clock.move(59)
    bench.passes(2)
    assert bench.store.list("jobs")
    bench.clock.move(1)
    bench.passes(3)
    assert bench.store.list("jobs") == []
    assert bench.pods() == []


async def test_a_job_runs_to_its_end_on_the_node(node: Node) -> None:
    container: dict[str, Any] = {"name": "main", "image": "lab/python:1", **script("print('trained', flush=True)")}
    spec = {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}}
    job = {"metadata": {"name": "train", "namespace": NAMESPACE}, "spec": spec}
    fill(BY_RESOURCE["jobs"], job)
    node.store.create("jobs", job)

    def complete() -> bool:
        found = node.store.get("jobs", NAMESPACE, "train") or {}
        kinds = {c["type"] for c in found["status"].get("conditions") or ()} if found.get("status") else set()
        return "Complete" in kinds

    await node.until(complete)
    (pod,) = node.store.list("pods")
    assert pod["status"]["phase"] == "Succeeded"
    assert node.log(pod["metadata"]["name"]).endswith(" F trained\n")
