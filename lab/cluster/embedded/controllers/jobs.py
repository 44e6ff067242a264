"""Jobs: Pods until enough of them have succeeded, or too many have failed, or the time is over."""

from __future__ import annotations

import copy
from datetime import datetime

from lab.cluster.embedded.controllers.common import (
    condition,
    controller_reference,
    is_leaving,
    owned_by,
    parse_time,
    with_meta,
)
from lab.cluster.embedded.controllers.events import Recorder
from lab.cluster.embedded.controllers.job_status import (
    FAILED,
    SUCCEEDED,
    Ledger,
    counts,
    final_condition,
    finished_at,
    is_active,
    with_condition,
)
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import NAME_LIMIT, Obj, Store, stamp

Verdict = tuple[str, str]
"""Reason and message of a condition."""
REACHED: Verdict = ("CompletionsReached", "Reached expected number of succeeded pods")
TOO_MANY_FAILURES: Verdict = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
TOO_LATE: Verdict = ("DeadlineExceeded", "Job was active longer than specified deadline")


class JobController:
    """Moves each Job one step per pass. `backoff_base` and `backoff_limit` are seconds between failures."""

    def __init__(self, store: Store, recorder: Recorder, *, backoff_base: float, backoff_limit: float) -> None:
        self._store = store
        self._recorder = recorder
        self._backoff_base = backoff_base
        self._backoff_limit = backoff_limit
        self._ledgers: dict[str, Ledger] = {}

    def reconcile(self, now: datetime) -> None:
        """One pass over all Jobs."""
        jobs = self._store.list("jobs")
        for uid in self._ledgers.keys() - {job["metadata"]["uid"] for job in jobs}:
            del self._ledgers[uid]
        for job in jobs:
            if final_condition(job):
                self._expire(job, now)
            elif not is_leaving(job):
                self._step(job, self._ledgers.setdefault(job["metadata"]["uid"], Ledger()), now)

    def _step(self, job: Obj, ledger: Ledger, now: datetime) -> None:
        pods = self._pods(job)
        ledger.take(pods, now)
        status: Obj = {**(job.get("status") or {})}
        suspended = bool(job["spec"].get("suspend"))
        if not status.get("startTime") and not suspended:
            status["startTime"] = stamp(now)
        status = self._decided(job, status, pods, ledger, now)
        if _ending(status):
            self._dismiss(job, [pod for pod in pods if is_active(pod)], ledger)
        elif suspended:
            status = self._suspended(job, status, pods, ledger, now)
        else:
            status = self._resumed(job, status, now)
            self._fill(job, pods, ledger, now)
        self._write(job, status, ledger, now)

    def _decided(self, job: Obj, status: Obj, pods: list[Obj], ledger: Ledger, now: datetime) -> Obj:
        """The status with the verdict on the Job, once there is one; it takes effect when the last Pod is gone."""
        if _ending(status):
            return status
        failure = _failure(job, status, pods, ledger, now)
        if failure is not None:
            return with_condition(status, "FailureTarget", True, *failure, now)
        if _is_complete(job, pods, ledger):
            return with_condition(status, "SuccessCriteriaMet", True, *REACHED, now)
        return status

    def _suspended(self, job: Obj, status: Obj, pods: list[Obj], ledger: Ledger, now: datetime) -> Obj:
        self._dismiss(job, [pod for pod in pods if is_active(pod)], ledger)
        before = condition({"status": status}, "Suspended")
        if before is None or before["status"] != "True":
            self._recorder.say(job, "Suspended", "Job suspended")
        status.pop("startTime", None)
        return with_condition(status, "Suspended", True, "JobSuspended", "Job suspended", now)

    def _resumed(self, job: Obj, status: Obj, now: datetime) -> Obj:
        before = condition({"status": status}, "Suspended")
        if before is None or before["status"] != "True":
            return status
        self._recorder.say(job, "Resumed", "Job resumed")
        return with_condition(status, "Suspended", False, "JobResumed", "Job resumed", now)

    def _fill(self, job: Obj, pods: list[Obj], ledger: Ledger, now: datetime) -> None:
        """As many Pods as the Job wants to have at work; after a failure not before the back-off is over."""
        active = [pod for pod in pods if is_active(pod)]
        missing = _wanted(job, len(active), ledger) - len(active)
        if missing < 0:
            self._dismiss(job, sorted(active, key=_worth)[:-missing], ledger)
        elif ledger.last_failure is None or (now - ledger.last_failure).total_seconds() >= self._wait(ledger):
            for _ in range(missing):
                if not self._create_pod(job, ledger):
                    return

    def _wait(self, ledger: Ledger) -> float:
        return float(min(self._backoff_limit, self._backoff_base * 2.0 ** (ledger.failed_in_a_row - 1)))

    def _create_pod(self, job: Obj, ledger: Ledger) -> bool:
        meta, template = job["metadata"], copy.deepcopy(job["spec"]["template"])
        pod_meta = {key: template["metadata"][key] for key in ("labels", "annotations") if key in template["metadata"]}
        prefix = f"{meta['name']}-"[:NAME_LIMIT]
        pod_meta.update(namespace=meta["namespace"], generateName=prefix, ownerReferences=[controller_reference(job)])
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": pod_meta, "spec": template["spec"]}
        try:
            created = self._store.create("pods", pod)
        except StatusError as error:
            self._recorder.say(job, "FailedCreate", f"Error creating: {error.message}", kind="Warning")
            return False
        ledger.running.add(created["metadata"]["uid"])
        self._recorder.say(job, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")
        return True

    def _dismiss(self, job: Obj, pods: list[Obj], ledger: Ledger) -> None:
        for pod in pods:
            meta = pod["metadata"]
            ledger.dismissed.add(meta["uid"])
            self._store.delete("pods", meta["namespace"], meta["name"], uid=meta["uid"])
            self._recorder.say(job, "SuccessfulDelete", f"Deleted pod: {meta['name']}")

    def _write(self, job: Obj, status: Obj, ledger: Ledger, now: datetime) -> None:
        pods = self._pods(job)
        kept = {key: value for key, value in status.items() if key not in ("active", "succeeded", "failed")}
        status = {**kept, **counts(pods, ledger)}
        if _ending(status) and not status.get("active") and not status["terminating"]:
            status = self._finished(job, status, now)
        if status != job.get("status"):
            written = {**with_meta(job, resourceVersion=None), "status": status}
            self._store.update("jobs", written, subresource="status")

    def _finished(self, job: Obj, status: Obj, now: datetime) -> Obj:
        failure = condition({"status": status}, "FailureTarget")
        if failure is not None:
            self._recorder.say(job, failure["reason"], failure["message"], kind="Warning")
            return with_condition(status, "Failed", True, failure["reason"], failure["message"], now)
        self._recorder.say(job, "Completed", "Job completed")
        return with_condition({**status, "completionTime": stamp(now)}, "Complete", True, *REACHED, now)

    def _expire(self, job: Obj, now: datetime) -> None:
        """Delete a Job that ended longer ago than it wants to be kept."""
        keep, ended = job["spec"].get("ttlSecondsAfterFinished"), finished_at(job)
        if keep is None or ended is None or is_leaving(job) or (now - ended).total_seconds() < keep:
            return
        meta = job["metadata"]
        self._store.delete("jobs", meta["namespace"], meta["name"], uid=meta["uid"])

    def _pods(self, job: Obj) -> list[Obj]:
        meta = job["metadata"]
        return [pod for pod in self._store.list("pods", meta["namespace"]) if owned_by(pod, meta["uid"])]


def _ending(status: Obj) -> bool:
    """Whether the verdict on the Job is spoken."""
    return any(condition({"status": status}, kind) is not None for kind in ("FailureTarget", "SuccessCriteriaMet"))


def _failure(job: Obj, status: Obj, pods: list[Obj], ledger: Ledger, now: datetime) -> Verdict | None:
    """Why the Job has failed, or None."""
    spec = job["spec"]
    limit: int = spec.get("backoffLimit", 6)
    if ledger.total(FAILED) > limit or _restarted_too_often(spec, pods, limit):
        return TOO_MANY_FAILURES
    deadline, started = spec.get("activeDeadlineSeconds"), status.get("startTime")
    if deadline is not None and started and not spec.get("suspend"):
        return TOO_LATE if (now - parse_time(started)).total_seconds() >= deadline else None
    return None


def _restarted_too_often(spec: Obj, pods: list[Obj], limit: int) -> bool:
    """Under OnFailure the restarts of containers count as failures."""
    if spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = sum(
        entry["restartCount"]
        for pod in pods
        if is_active(pod)
        for entry in (pod.get("status") or {}).get("containerStatuses") or ()
    )
    return bool(restarts >= max(1, limit))


def _is_complete(job: Obj, pods: list[Obj], ledger: Ledger) -> bool:
    completions, succeeded = job["spec"].get("completions"), ledger.total(SUCCEEDED)
    if completions is not None:
        return bool(succeeded >= completions)
    return succeeded > 0 and not any(is_active(pod) for pod in pods)


def _wanted(job: Obj, active: int, ledger: Ledger) -> int:
    """How many Pods should be at work; a work queue that has one success starts no more."""
    completions, parallelism = job["spec"].get("completions"), job["spec"].get("parallelism", 1)
    succeeded = ledger.total(SUCCEEDED)
    if completions is None:
        return min(active, parallelism) if succeeded else int(parallelism)
    return int(max(0, min(completions - succeeded, parallelism)))


def _worth(pod: Obj) -> tuple[bool, bool]:
    """Pods that have not begun go first."""
    return bool(pod["spec"].get("nodeName")), (pod.get("status") or {}).get("phase") == "Running"
