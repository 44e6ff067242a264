"""The values that Kubernetes fills into Jobs and CronJobs."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]

UID_LABEL = "batch.kubernetes.io/controller-uid"
NAME_LABEL = "batch.kubernetes.io/job-name"
_OLD_LABELS = {UID_LABEL: "controller-uid", NAME_LABEL: "job-name"}


def fill_job_spec(spec: Obj) -> None:
    """The defaults of a Job's spec, beside those of its Pod template; in place."""
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")


def fill_cron_job_spec(spec: Obj) -> None:
    """The defaults of a CronJob's spec, beside those of its Job template; in place."""
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)


def admit_job(obj: Obj) -> None:
    """Give a new Job the selector and the Pod labels that carry its uid, in place."""
    meta = obj["metadata"]
    spec = obj["spec"] = dict(obj["spec"])
    marks = {UID_LABEL: meta["uid"], NAME_LABEL: meta["name"]}
    marks |= {_OLD_LABELS[key]: value for key, value in marks.items()}
    template = dict(spec["template"])
    template_meta = dict(template.get("metadata") or {})
    template_meta["labels"] = {**(template_meta.get("labels") or {}), **marks}
    spec["template"] = {**template, "metadata": template_meta}
    spec["selector"] = {"matchLabels": {UID_LABEL: meta["uid"]}}
    meta["labels"] = dict(meta.get("labels") or template_meta["labels"])
    obj.setdefault("status", {})
