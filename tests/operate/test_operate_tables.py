"""Tables of what people make beside the stack."""

from __future__ import annotations

from typing import Any

from lab.operate.tables import table

META = {"name": "nightly", "creationTimestamp": "2030-01-01T12:00:00Z"}
NOW = 1893499260.0


def cells(kind: str, **fields: Any) -> dict[str, str]:
    head, row = table(kind, [{"metadata": META, **fields}], NOW).splitlines()
    return dict(zip(head.split(), row.split(), strict=True))


def test_jobs() -> None:
    done = {"succeeded": 2, "conditions": [{"type": "Complete", "status": "True"}]}
    assert cells("Job", spec={"completions": 2}, status=done) == {
        "NAME": "nightly", "STATUS": "Complete", "COMPLETIONS": "2/2", "AGE": "60s",
    }  # fmt: skip
    assert cells("Job", spec={"parallelism": 3})["STATUS"] == "Running"


def test_cron_jobs() -> None:
    found = cells("CronJob", spec={"schedule": "@daily", "suspend": True}, status={"active": [{"name": "x"}]})
    assert (found["SCHEDULE"], found["SUSPEND"], found["ACTIVE"]) == ("@daily", "True", "1")


def test_autoscalers() -> None:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "gateway"}, "maxReplicas": 4}
    found = cells("HorizontalPodAutoscaler", spec=spec, status={"currentReplicas": 2, "desiredReplicas": 3})
    assert (found["REFERENCE"], found["MINPODS"], found["MAXPODS"]) == ("Deployment/gateway", "1", "4")
    assert found["REPLICAS"] == "2"
