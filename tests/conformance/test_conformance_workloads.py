"""What every engine does with Jobs, CronJobs, autoscalers, requests that do not fit, memory limits and slow starts."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engineboxes import Box, eventually, kubectl

from lab.cluster.client import Cluster
from lab.keeper.objects import differences, snapshot

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH"),
]

SECONDS = 90


class Space:
    """The namespace of a lab that is up, and Pods that its engine lets run there."""

    def __init__(self, box: Box) -> None:
        status = box.up()
        self.cluster = Cluster(Path(status["kubeconfig"]), status["namespace"])
        self._where = (str(status["kubeconfig"]), "--namespace", status["namespace"])
        self._pattern = json.loads(self.kubectl("get", "deployment", "feed", "-o", "json"))["spec"]["template"]["spec"]

    def kubectl(self, *words: str, text: str | None = None) -> str:
        return kubectl(*self._where, *words, text=text)

    def pod(self, *command: str, limits: dict[str, str] | None = None, **container: Any) -> dict[str, Any]:
        """A Pod's spec that runs a command as securely as the stack does, once."""
        spec = copy.deepcopy(self._pattern)
        (only,) = spec["containers"]
        for field in ("args", "ports", "readinessProbe", "livenessProbe", "startupProbe", "env"):
            only.pop(field, None)
        limits = {"memory": "64Mi", **(limits or {})}
        own = {key: value for key, value in limits.items() if "/" in key}
        only.update(command=list(command), resources={"limits": limits, "requests": {"cpu": "10m", **own}}, **container)
        return {**spec, "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}

    def apply(self, kind: str, name: str, spec: dict[str, Any], version: str = "batch/v1") -> None:
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.kubectl("apply", "-f", "-", text=json.dumps(body))

    def job(self, name: str, *command: str, **spec: Any) -> None:
        self.apply("Job", name, {"template": {"spec": self.pod(*command)}, **spec})

    def get(self, kind: str, name: str) -> Any:
        return json.loads(self.kubectl("get", kind, name, "-o", "json"))

    def wait(self, what: str, condition: str) -> None:
        self.kubectl("wait", what, f"--for=condition={condition}", f"--timeout={SECONDS}s")

    def reasons(self, name: str) -> dict[str, str]:
        """The events about an object, reason to message."""
        selector = f"--field-selector=involvedObject.name={name}"
        found = json.loads(self.kubectl("get", "events", selector, "-o", "json"))["items"]
        return {event["reason"]: event["message"] for event in found}

    def used(self, prefix: str) -> list[tuple[str, str]]:
        """CPU and memory of the Pods whose names begin so, as `kubectl top` shows them; none before there are any."""
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.cluster.namespace}/pods"
        if not json.loads(self.kubectl("get", "--raw", path))["items"]:
            return []
        rows = (line.split() for line in self.kubectl("top", "pods", "--no-headers").splitlines())
        return [(cpu, memory) for name, cpu, memory in rows if name.startswith(prefix)]


@pytest.fixture(scope="module")
def space(box: Box) -> Iterator[Space]:
    made = Space(box)
    yield made
    made.cluster.close()


def conditions(obj: Any) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c.get("reason", "")) for c in obj["status"].get("conditions", ())}


def row(text: str) -> dict[str, str]:
    """The first row of a table by its headings."""
    head, first = text.splitlines()[:2]
    return dict(zip(re.split(r"\s{2,}", head.strip()), re.split(r"\s{2,}", first.strip()), strict=False))


def test_a_job_is_complete_and_its_log_stays(space: Space) -> None:
    space.job("once", "sh", "-c", "echo done")
    space.wait("job/once", "complete")
    job = space.get("job", "once")
    assert conditions(job)["Complete"][0] == "True"
    status = job["status"]
    assert (status["succeeded"], status["ready"], status.get("active", 0), status.get("failed", 0)) == (1, 0, 0, 0)
    assert job["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "once"
    assert space.kubectl("logs", "job/once") == "done\n"
    shown = row(space.kubectl("get", "job", "once"))
    assert (shown["STATUS"], shown["COMPLETIONS"]) == ("Complete", "1/1")
    assert {"SuccessfulCreate", "Completed"} <= space.reasons("once").keys()


def test_a_job_gives_up_after_its_failures_or_its_time(space: Space) -> None:
    space.job("broken", "sh", "-c", "exit 3", backoffLimit=0)
    space.job("endless", "sleep", "600", activeDeadlineSeconds=3)
    for name, reason in (("broken", "BackoffLimitExceeded"), ("endless", "DeadlineExceeded")):
        space.wait(f"job/{name}", "failed")
        assert conditions(space.get("job", name))["Failed"] == ("True", reason)
        assert reason in space.reasons(name)
        assert row(space.kubectl("get", "job", name))["STATUS"] == "Failed"
    assert space.get("job", "broken")["status"]["failed"] == 1


def test_a_job_can_be_held_back(space: Space) -> None:
    space.job("held", "sh", "-c", "echo done", suspend=True)
    space.wait("job/held", "suspended")
    assert space.kubectl("get", "pods", "-l", "job-name=held", "-o", "name") == ""
    space.kubectl("patch", "job", "held", "-p", '{"spec":{"suspend":false}}')
    space.wait("job/held", "complete")


def test_a_cron_job_is_started_by_hand(space: Space) -> None:
    template = {"spec": {"template": {"spec": space.pod("sh", "-c", "echo now")}}}
    space.apply("CronJob", "yearly", {"schedule": "@yearly", "jobTemplate": template})
    shown = row(space.kubectl("get", "cronjob", "yearly"))
    assert (shown["SCHEDULE"], shown["SUSPEND"], shown["ACTIVE"]) == ("@yearly", "False", "0")
    before = snapshot(space.cluster)
    space.kubectl("create", "job", "now", "--from=cronjob/yearly")
    assert list(differences(before, snapshot(space.cluster))) == [("Job", "now", "created")]
    space.wait("job/now", "complete")
    assert space.get("job", "now")["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
    assert space.kubectl("logs", "job/now") == "now\n"
    space.kubectl("delete", "cronjob", "yearly")
    eventually(
        lambda: "job.batch/now" not in space.kubectl("get", "jobs", "-o", "name"), SECONDS, "its Jobs went along"
    )


def test_a_request_that_no_node_can_meet_waits(space: Space) -> None:
    space.apply("Pod", "large", space.pod("sleep", "600", limits={"nvidia.com/gpu": "8"}), "v1")
    eventually(lambda: "FailedScheduling" in space.reasons("large"), SECONDS, "the scheduler says no")
    pod = space.get("pod", "large")
    assert pod["status"]["phase"] == "Pending"
    (refusal,) = [c for c in pod["status"]["conditions"] if c["type"] == "PodScheduled"]
    assert (refusal["status"], refusal["reason"]) == ("False", "Unschedulable")
    assert refusal["message"].startswith("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")
    space.kubectl("delete", "pod", "large", "--now")


def test_a_container_above_its_limit_is_killed(space: Space) -> None:
    hog = "kept = bytearray(400_000_000); kept[::4096] = b'x' * len(kept[::4096]); import time; time.sleep(600)"
    space.apply("Pod", "hog", space.pod("python3", "-c", hog), "v1")

    def ended() -> Any:
        statuses = space.get("pod", "hog")["status"].get("containerStatuses") or [{"state": {}}]
        return statuses[0]["state"].get("terminated")

    eventually(lambda: ended() is not None, SECONDS, "the container was killed")
    assert (ended()["reason"], ended()["exitCode"]) == ("OOMKilled", 137)
    assert row(space.kubectl("get", "pod", "hog"))["STATUS"] == "OOMKilled"


def test_a_container_that_never_starts_up_is_restarted(space: Space) -> None:
    probe = {"exec": {"command": ["sh", "-c", "exit 1"]}, "periodSeconds": 1, "failureThreshold": 2}
    spec = {**space.pod("sleep", "600", startupProbe=probe), "restartPolicy": "Always"}
    space.apply("Pod", "slow", spec, "v1")
    eventually(
        lambda: any(s["restartCount"] for s in space.get("pod", "slow")["status"].get("containerStatuses", ())),
        SECONDS,
        "the container was restarted",
    )
    assert space.reasons("slow")["Unhealthy"].startswith("Startup probe failed")
    assert "failed startup probe, will be restarted" in space.reasons("slow")["Killing"]
    space.kubectl("delete", "pod", "slow", "--now")


def test_an_autoscaler_holds_its_lower_bound_and_nobody_changed_anything(space: Space) -> None:
    before = snapshot(space.cluster)
    space.kubectl("autoscale", "deployment", "gateway", "--min=2", "--max=3", "--cpu-percent=90")

    def replicas() -> int:
        found: int = space.get("deployment", "gateway")["spec"]["replicas"]
        return found

    eventually(lambda: replicas() == 2, SECONDS, "the lower bound")
    made = [change for change in differences(before, snapshot(space.cluster)) if change[0] != "Job"]
    assert made == [("HorizontalPodAutoscaler", "gateway", "created")]
    told = space.reasons("gateway")["SuccessfulRescale"]
    assert told == "New size: 2; reason: Current number of replicas below Spec.MinReplicas"
    shown = row(space.kubectl("get", "hpa", "gateway"))
    assert (shown["REFERENCE"], shown["NAME"]) == ("Deployment/gateway", "gateway")
    space.kubectl("delete", "hpa", "gateway")
    space.kubectl("scale", "deployment", "gateway", "--replicas=1")


def test_what_pods_use_is_shown(space: Space) -> None:
    eventually(lambda: bool(space.used("gateway-")), SECONDS, "metrics of the gateway")
    cpu, memory = space.used("gateway-")[0]
    assert cpu.endswith("m")
    assert memory.endswith("Mi")
    (node,) = space.kubectl("top", "nodes", "--no-headers").splitlines()
    assert len(node.split()) == 5
