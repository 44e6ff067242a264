"""CronJobs pass by pass: Jobs at their times, overlaps, history, and Jobs that people start by hand."""

from __future__ import annotations

from typing import Any

import pytest
from embedded_batch_bench import BatchBench, job_spec
from embedded_node_bench import NAMESPACE, FakeClock

from lab.cluster.embedded.controllers.common import controller_reference
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj

MINUTE = 60


@pytest.fixture
def bench(settings: NodeSettings, clock: FakeClock) -> BatchBench:
    return BatchBench(settings, clock)


def add_cron(bench: BatchBench, *, job: Obj | None = None, **spec: Any) -> Obj:
    template = {"metadata": {"labels": {"team": "ml"}}, "spec": job or job_spec()}
    return bench.add("cronjobs", "nightly", {"schedule": "* * * * *", "jobTemplate": template, **spec})


def names(bench: BatchBench) -> list[str]:
    return sorted(job["metadata"]["name"] for job in bench.store.list("jobs"))


def status(bench: BatchBench) -> Obj:
    found: Obj = bench.get("cronjobs", "nightly").get("status") or {}
    return found


def test_a_job_at_each_time(bench: BatchBench) -> None:
    cron = add_cron(bench)
    bench.passes(2)
    assert names(bench) == []
    bench.clock.move(MINUTE)
    bench.passes(2)
    (name,) = names(bench)
    assert name == f"nightly-{int(bench.clock().timestamp()) // MINUTE}"
    job = bench.job(name)
    assert job["metadata"]["labels"] == {"team": "ml"}
    assert job["metadata"]["ownerReferences"] == [controller_reference(cron)]
    key = "batch.kubernetes.io/cronjob-scheduled-timestamp"
    assert job["metadata"]["annotations"] == {key: "2030-01-01T12:01:00Z"}
    assert status(bench)["lastScheduleTime"] == "2030-01-01T12:01:00Z"
    assert [ref["name"] for ref in status(bench)["active"]] == [name]
    bench.end("Succeeded")
    bench.passes(3)
    assert "active" not in status(bench)
    assert status(bench)["lastSuccessfulTime"] == "2030-01-01T12:01:00Z"
    assert {"SuccessfulCreate", "SawCompletedJob"} <= set(bench.reasons("nightly"))
    bench.passes(3)
    assert names(bench) == [name]


def test_overlaps_are_allowed_forbidden_or_replaced(bench: BatchBench) -> None:
    add_cron(bench)
    for _ in range(3):
        bench.clock.move(MINUTE)
        bench.passes(2)
    assert len(status(bench)["active"]) == 3
    bench.change("cronjobs", "nightly", concurrencyPolicy="Forbid")
    bench.clock.move(MINUTE)
    bench.passes(4)
    assert len(names(bench)) == 3
    told = [e for e in bench.store.list("events") if e["reason"] == "JobAlreadyActive"]
    assert [event["count"] for event in told] == [1]
    bench.change("cronjobs", "nightly", concurrencyPolicy="Replace")
    bench.passes(3)
    assert len(names(bench)) == 1
    assert len(status(bench)["active"]) == 1


def test_suspended_cron_jobs_start_nothing(bench: BatchBench) -> None:
    add_cron(bench, suspend=True)
    bench.clock.move(10 * MINUTE)
    bench.passes(3)
    assert names(bench) == []
    bench.change("cronjobs", "nightly", suspend=False)
    bench.passes(3)
    assert len(names(bench)) == 1, "of the missed times only the last is made up for"


def test_a_late_start_has_a_deadline(bench: BatchBench) -> None:
    add_cron(bench, suspend=True, schedule="0 * * * *", startingDeadlineSeconds=30)
    bench.clock.move(60 * MINUTE + 31)
    bench.change("cronjobs", "nightly", suspend=False)
    bench.passes(3)
    assert names(bench) == []


def test_history_keeps_so_many_of_each(bench: BatchBench) -> None:
    add_cron(bench, job=job_spec(backoffLimit=0), successfulJobsHistoryLimit=2, failedJobsHistoryLimit=1)
    for outcome in ("Succeeded", "Failed", "Succeeded", "Failed", "Succeeded"):
        bench.clock.move(MINUTE)
        bench.passes(2)
        bench.end(outcome)
        bench.passes(3)
    ends = [set(bench.conditions(name)) & {"Complete", "Failed"} for name in names(bench)]
    assert sorted(kind for found in ends for kind in found) == ["Complete", "Complete", "Failed"]
    assert len(bench.pods()) == 3


def test_a_job_started_by_hand_is_seen_and_not_listed(bench: BatchBench) -> None:
    cron = add_cron(bench, suspend=True)
    owner = controller_reference(cron)
    bench.add("jobs", "by-hand", job_spec(), ownerReferences=[owner])
    bench.passes(5)
    assert "active" not in status(bench)
    told = [e for e in bench.store.list("events") if e["reason"] == "UnexpectedJob"]
    assert [event["count"] for event in told] == [1]
    bench.store.delete("cronjobs", NAMESPACE, "nightly")
    bench.passes(3)
    assert names(bench) == []
    assert bench.pods() == []
