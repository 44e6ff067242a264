"""CronJobs: a Job at each time of a schedule, and only so many finished ones kept."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from lab.cluster.embedded.controllers.common import (
    controller_reference,
    is_leaving,
    owned_by,
    parse_time,
    with_meta,
)
from lab.cluster.embedded.controllers.events import EventType, Recorder
from lab.cluster.embedded.controllers.job_status import final_condition
from lab.cluster.embedded.cron import Schedule, parse_schedule
from lab.cluster.embedded.defaults import fill
from lab.cluster.embedded.kinds import BY_RESOURCE
from lab.cluster.embedded.status import AlreadyExists, StatusError
from lab.cluster.embedded.store import Obj, Store, stamp

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MOST_MISSED = 100


class CronJobController:
    """Starts Jobs when they are due, keeps the list of those that run, and forgets the oldest finished ones."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder
        self._told: dict[str, set[str]] = {}

    def reconcile(self, now: datetime) -> None:
        """One pass over all CronJobs."""
        crons = self._store.list("cronjobs")
        for uid in self._told.keys() - {cron["metadata"]["uid"] for cron in crons}:
            del self._told[uid]
        for cron in crons:
            if not is_leaving(cron):
                self._step(cron, now)

    def _step(self, cron: Obj, now: datetime) -> None:
        jobs = self._jobs(cron)
        status = self._observed(cron, jobs)
        self._forget_oldest(cron, jobs)
        due = None if cron["spec"].get("suspend") else self._due(cron, status, now)
        if due is not None:
            status = self._start(cron, status, due, now)
        if status != cron.get("status"):
            written = {**with_meta(cron, resourceVersion=None), "status": status}
            self._store.update("cronjobs", written, subresource="status")

    def _observed(self, cron: Obj, jobs: list[Obj]) -> Obj:
        """The status with the Jobs that run now: those that ended or vanished leave it, unknown ones are told of."""
        status: Obj = {**(cron.get("status") or {})}
        listed: list[Obj] = list(status.get("active") or ())
        known, present = {ref["uid"] for ref in listed}, {job["metadata"]["uid"]: job for job in jobs}
        for job in jobs:
            meta, final = job["metadata"], final_condition(job)
            if meta["uid"] in known and final:
                told = f"Saw completed job: {meta['name']}, condition: {final}"
                self._recorder.say(cron, "SawCompletedJob", told)
            elif meta["uid"] not in known and not final:
                told = f"Saw a job that the controller did not create or forgot: {meta['name']}"
                self._warn_once(cron, meta["uid"], "UnexpectedJob", told)
            ended = (job.get("status") or {}).get("completionTime")
            if final == "Complete" and ended and ended > status.get("lastSuccessfulTime", ""):
                status["lastSuccessfulTime"] = ended
        for ref in listed:
            if ref["uid"] not in present:
                self._recorder.say(cron, "MissingJob", f"Active job went missing: {ref['name']}")
        return _with_active(
            status, [ref for ref in listed if ref["uid"] in present and not final_condition(present[ref["uid"]])]
        )

    def _due(self, cron: Obj, status: Obj, now: datetime) -> datetime | None:
        """The latest time of the schedule that has come and was not served, if it is not too late for it."""
        spec = cron["spec"]
        schedule, zone = parse_schedule(spec["schedule"]), _zone(spec)
        since = parse_time(status.get("lastScheduleTime") or cron["metadata"]["creationTimestamp"])
        deadline = spec.get("startingDeadlineSeconds")
        if deadline is not None:
            since = max(since, now - timedelta(seconds=deadline))
        latest, missed = _latest(schedule, since.astimezone(zone), now)
        if missed > MOST_MISSED:
            told = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
            self._warn_once(cron, stamp(since), "TooManyMissedTimes", told)
        return latest

    def _start(self, cron: Obj, status: Obj, due: datetime, now: datetime) -> Obj:
        active: list[Obj] = status.get("active") or []
        policy = cron["spec"].get("concurrencyPolicy", "Allow")
        if policy == "Forbid" and active:
            told = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._say_once(cron, stamp(due), "JobAlreadyActive", told, "Normal")
            return status
        if policy == "Replace":
            for ref in active:
                self._delete_job(cron, ref["name"], ref["uid"])
            active = []
        try:
            job = self._store.create("jobs", _job(cron, due))
        except AlreadyExists:
            return {**status, "lastScheduleTime": stamp(due)}
        except StatusError as error:
            self._warn_once(cron, stamp(due), "FailedCreate", f"Error creating job: {error.message}")
            return status
        self._recorder.say(cron, "SuccessfulCreate", f"Created job {job['metadata']['name']}")
        return _with_active({**status, "lastScheduleTime": stamp(due)}, [*active, _reference(job)])

    def _forget_oldest(self, cron: Obj, jobs: list[Obj]) -> None:
        """Delete finished Jobs beyond the limits of the history, the oldest first."""
        limits = {"Complete": "successfulJobsHistoryLimit", "Failed": "failedJobsHistoryLimit"}
        for final, field in limits.items():
            keep = cron["spec"].get(field)
            ended = sorted((job for job in jobs if final_condition(job) == final), key=_begun)
            for job in ended[: max(0, len(ended) - keep)] if keep is not None else ():
                self._delete_job(cron, job["metadata"]["name"], job["metadata"]["uid"])

    def _delete_job(self, cron: Obj, name: str, uid: str) -> None:
        namespace = cron["metadata"]["namespace"]
        if self._store.get("jobs", namespace, name) is not None:
            self._store.delete("jobs", namespace, name, uid=uid)
            self._recorder.say(cron, "SuccessfulDelete", f"Deleted job {name}")

    def _warn_once(self, cron: Obj, occasion: str, reason: str, message: str) -> None:
        self._say_once(cron, occasion, reason, message, "Warning")

    def _say_once(self, cron: Obj, occasion: str, reason: str, message: str, kind: EventType) -> None:
        """Record an event once for an occasion, however many passes meet it."""
        told = self._told.setdefault(cron["metadata"]["uid"], set())
        if f"{reason} {occasion}" not in told:
            told.add(f"{reason} {occasion}")
            self._recorder.say(cron, reason, message, kind=kind)

    def _jobs(self, cron: Obj) -> list[Obj]:
        meta = cron["metadata"]
        return [job for job in self._store.list("jobs", meta["namespace"]) if owned_by(job, meta["uid"])]


def _with_active(status: Obj, active: list[Obj]) -> Obj:
    kept = {key: value for key, value in status.items() if key != "active"}
    return {**kept, "active": active} if active else kept


def _zone(spec: Obj) -> tzinfo:
    return ZoneInfo(spec["timeZone"]) if spec.get("timeZone") else UTC


def _latest(schedule: Schedule, since: datetime, now: datetime) -> tuple[datetime | None, int]:
    """The last time of the schedule after `since` that has come by now, and how many have."""
    latest, passed = None, 0
    upcoming = schedule.after(since)
    while upcoming is not None and upcoming <= now:
        latest, passed = upcoming, passed + 1
        upcoming = schedule.after(upcoming)
    return latest, passed


def _job(cron: Obj, due: datetime) -> Obj:
    """The Job of one time; its name carries the minute, so that the same time never starts two."""
    meta, template = cron["metadata"], copy.deepcopy(cron["spec"]["jobTemplate"])
    inner = template.get("metadata") or {}
    annotations = {**(inner.get("annotations") or {}), SCHEDULED_AT: due.isoformat().replace("+00:00", "Z")}
    job: Obj = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{meta['name']}-{int(due.timestamp()) // 60}",
            "namespace": meta["namespace"],
            "annotations": annotations,
            "ownerReferences": [controller_reference(cron)],
        },
        "spec": template["spec"],
    }
    if inner.get("labels"):
        job["metadata"]["labels"] = inner["labels"]
    fill(BY_RESOURCE["jobs"], job)
    return job


def _reference(job: Obj) -> Obj:
    meta = job["metadata"]
    fields = ("name", "namespace", "uid", "resourceVersion")
    return {"kind": "Job", "apiVersion": "batch/v1", **{name: meta[name] for name in fields}}


def _begun(job: Obj) -> tuple[datetime, str]:
    begun = (job.get("status") or {}).get("startTime") or job["metadata"]["creationTimestamp"]
    return parse_time(begun), job["metadata"]["name"]
