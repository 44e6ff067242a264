"""Rules for Jobs and CronJobs beyond types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lab.cluster.embedded.cron import parse_schedule
from lab.cluster.embedded.defaults_batch import UID_LABEL
from lab.cluster.embedded.faults import Faults
from lab.cluster.embedded.semantic_pod import check_pod_spec

Obj = Mapping[str, Any]
_RESTART = ("Never", "OnFailure")
_NOT_NEGATIVE = ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished")
_CRON_NAME = 52
"""A Job of a CronJob gets its name and eleven characters more, and a Pod's label holds 63."""


def check_job(obj: Obj, faults: Faults) -> None:
    """Add the faults of a Job. A new one has no uid yet and must leave its selector to the server."""
    selector = obj["spec"].get("selector")
    uid = (obj.get("metadata") or {}).get("uid")
    if selector is not None and selector.get("matchLabels", {}).get(UID_LABEL) != (uid or ""):
        faults.invalid("spec.selector", selector, "`selector` not auto-generated")
    check_job_spec(obj["spec"], "spec", faults)


def check_job_spec(spec: Obj, path: str, faults: Faults) -> None:
    """Add the faults of the spec of a Job, or of a CronJob's template."""
    for name in _NOT_NEGATIVE:
        faults.not_negative(f"{path}.{name}", spec.get(name))
    template = spec.get("template") or {}
    faults.labels(f"{path}.template.metadata.labels", (template.get("metadata") or {}).get("labels") or {})
    check_pod_spec(template.get("spec") or {}, f"{path}.template.spec", _RESTART, faults)


def check_cron_job(obj: Obj, faults: Faults) -> None:
    """Add the faults of a CronJob."""
    spec, name = obj["spec"], (obj.get("metadata") or {}).get("name") or ""
    if len(name) > _CRON_NAME:
        faults.invalid("metadata.name", name, f"must be no more than {_CRON_NAME} characters")
    schedule = spec.get("schedule")
    if not schedule:
        faults.required("spec.schedule")
    else:
        try:
            parse_schedule(schedule)
        except ValueError as error:
            faults.invalid("spec.schedule", schedule, str(error))
    _check_zone(spec.get("timeZone"), faults)
    policies = ("Allow", "Forbid", "Replace")
    if spec.get("concurrencyPolicy") not in policies:
        faults.unsupported("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), policies)
    for field in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        faults.not_negative(f"spec.{field}", spec.get(field))
    inner = spec["jobTemplate"]["spec"]
    if inner.get("selector") is not None:
        faults.invalid("spec.jobTemplate.spec.selector", inner["selector"], "`selector` will be auto-generated")
    check_job_spec(inner, "spec.jobTemplate.spec", faults)


def _check_zone(zone: str | None, faults: Faults) -> None:
    if zone is None:
        return
    try:
        if not zone or zone.lower() == "local":
            raise ValueError
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults.invalid("spec.timeZone", zone, f"unknown time zone {zone}")
