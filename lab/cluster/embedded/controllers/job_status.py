"""What is known of a Job's Pods, and what its status says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from lab.cluster.embedded.controllers.common import condition, is_finished, is_leaving, is_ready, parse_time
from lab.cluster.embedded.store import Obj, stamp

SUCCEEDED = "Succeeded"
FAILED = "Failed"


@dataclass(slots=True)
class Ledger:
    """
    The Pods of one Job that were seen to run and to end; each is counted once, also when somebody deletes it.

    A real cluster keeps a Pod by a finalizer until it is counted; here one process sees every Pod, so it remembers.
    """

    running: set[str] = field(default_factory=set)
    dismissed: set[str] = field(default_factory=set)
    """Deleted by the controller itself: neither a success nor a failure."""
    counted: dict[str, str] = field(default_factory=dict)
    """`Succeeded` or `Failed` by uid."""
    failed_in_a_row: int = 0
    last_failure: datetime | None = None

    def take(self, pods: Iterable[Obj], now: datetime) -> None:
        """Count what ended since the last look: a Pod that is deleted before its end has failed."""
        present = {pod["metadata"]["uid"]: pod for pod in pods}
        for uid, pod in present.items():
            phase = pod.get("status", {}).get("phase")
            if phase == SUCCEEDED:
                self._count(uid, SUCCEEDED, now)
            elif phase == FAILED or is_leaving(pod):
                self._count(uid, FAILED, now)
            else:
                self.running.add(uid)
        for uid in self.running - present.keys():
            self._count(uid, FAILED, now)

    def total(self, outcome: str) -> int:
        """How many Pods ended that way."""
        return sum(found == outcome for found in self.counted.values())

    def _count(self, uid: str, outcome: str, now: datetime) -> None:
        self.running.discard(uid)
        if uid in self.counted or uid in self.dismissed:
            return
        self.counted[uid] = outcome
        self.failed_in_a_row = self.failed_in_a_row + 1 if outcome == FAILED else 0
        self.last_failure = now if outcome == FAILED else None


def is_active(pod: Obj) -> bool:
    """Whether a Pod still works for its Job."""
    return not is_finished(pod) and not is_leaving(pod)


def final_condition(job: Obj) -> str:
    """`Complete` or `Failed`, or an empty string while the Job goes on."""
    for kind in ("Complete", "Failed"):
        found = condition(job, kind)
        if found is not None and found["status"] == "True":
            return kind
    return ""


def finished_at(job: Obj) -> datetime | None:
    """When a Job ended, or None while it goes on."""
    kind = final_condition(job)
    found = condition(job, kind) if kind else None
    return parse_time(found["lastTransitionTime"]) if found is not None else None


def counts(pods: list[Obj], ledger: Ledger) -> Obj:
    """The numbers of a Job's status."""
    active = [pod for pod in pods if is_active(pod)]
    numbers = {
        "active": len(active),
        "succeeded": ledger.total(SUCCEEDED),
        "failed": ledger.total(FAILED),
    }
    return {
        **{name: number for name, number in numbers.items() if number},
        "ready": sum(is_ready(pod) for pod in active),
        "terminating": sum(is_leaving(pod) and not is_finished(pod) for pod in pods),
        "uncountedTerminatedPods": {},
    }


def with_condition(status: Obj, kind: str, holds: bool, reason: str, message: str, now: datetime) -> Obj:
    """The status with one condition set; an equal one is left as it is."""
    wanted = "True" if holds else "False"
    listed: list[Obj] = list(status.get("conditions") or ())
    old = next((found for found in listed if found["type"] == kind), None)
    if old is not None and (old["status"], old["reason"]) == (wanted, reason):
        return status
    fresh = {
        "type": kind,
        "status": wanted,
        "lastProbeTime": stamp(now),
        "lastTransitionTime": stamp(now),
        "reason": reason,
        "message": message,
    }
    kept = [found for found in listed if found["type"] != kind]
    return {**status, "conditions": [*kept, fresh]}
