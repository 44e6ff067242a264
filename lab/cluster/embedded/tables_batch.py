"""The columns of Jobs and CronJobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lab.cluster.embedded.selectors import selector_text
from lab.cluster.embedded.tables_age import duration, parsed_time, since

Obj = Mapping[str, Any]
_SHOWN = ("Suspended", "FailureTarget", "SuccessCriteriaMet")


def job_status(obj: Obj, _: datetime) -> str:
    """Complete, Failed, Terminating, Suspended, or Running."""
    holding = {c["type"] for c in obj.get("status", {}).get("conditions") or () if c["status"] == "True"}
    for final in ("Complete", "Failed"):
        if final in holding:
            return final
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return next((word for word in _SHOWN if word in holding), "Running")


def job_completions(obj: Obj, _: datetime) -> str:
    """Succeeded Pods of those wanted; `0/1 of 3` for a work queue of three."""
    done, wanted = obj.get("status", {}).get("succeeded", 0), obj["spec"].get("completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallelism = obj["spec"].get("parallelism", 0)
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def job_duration(obj: Obj, now: datetime) -> str:
    """From the start to the completion, or to now."""
    status = obj.get("status", {})
    if not status.get("startTime"):
        return ""
    end = parsed_time(status["completionTime"]) if status.get("completionTime") else now
    return duration((end - parsed_time(status["startTime"])).total_seconds())


def job_selector(obj: Obj, _: datetime) -> str:
    """The selector that the server gave the Job."""
    return selector_text(obj["spec"].get("selector") or {})


def cron_suspend(obj: Obj, _: datetime) -> str:
    """`True` or `False`."""
    return str(bool(obj["spec"].get("suspend")))


def cron_active(obj: Obj, _: datetime) -> int:
    """How many of its Jobs run."""
    return len(obj.get("status", {}).get("active") or ())


def cron_last(obj: Obj, now: datetime) -> str:
    """How long its last schedule is ago."""
    last = obj.get("status", {}).get("lastScheduleTime")
    return since(last, now) if last else "<none>"
