"""Which waiting Pods the node takes: requests are counted against what it has to give, as the scheduler does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from lab.cluster.embedded.controllers.common import condition, is_finished, is_leaving, with_meta
from lab.cluster.embedded.controllers.events import Recorder
from lab.cluster.embedded.quantity import parse_quantity
from lab.cluster.embedded.store import Obj, Store, stamp

Amounts = Counter[str]


class Scheduler:
    """Binds Pods without a node to the one node, the oldest first; one that does not fit keeps no other waiting."""

    def __init__(self, store: Store, node_name: str, recorder: Recorder, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._node_name = node_name
        self._recorder = recorder
        self._clock = clock

    def schedule(self) -> None:
        """One pass over all Pods that wait for a node."""
        pods = self._store.list("pods")
        waiting = [pod for pod in pods if not pod["spec"].get("nodeName") and not is_leaving(pod)]
        if not waiting:
            return
        node = self._store.get("nodes", "", self._node_name) or {}
        left = _left(node, [pod for pod in pods if pod["spec"].get("nodeName") == self._node_name])
        for pod in sorted(waiting, key=_age):
            asked = requests(pod)
            problem = _problem(node, left, asked)
            if problem:
                self._refuse(pod, f"0/1 nodes are available: {problem}.")
            else:
                left.subtract(asked)
                self._bind(pod)

    def _bind(self, pod: Obj) -> None:
        meta = pod["metadata"]
        self._store.update("pods", {**with_meta(pod), "spec": {**pod["spec"], "nodeName": self._node_name}})
        told = f"Successfully assigned {meta['namespace']}/{meta['name']} to {self._node_name}"
        self._recorder.say(pod, "Scheduled", told)

    def _refuse(self, pod: Obj, message: str) -> None:
        refusal = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        known = condition(pod, "PodScheduled") or {}
        if all(known.get(key) == value for key, value in refusal.items()):
            return
        since = known["lastTransitionTime"] if known.get("status") == "False" else stamp(self._clock())
        status = {**(pod.get("status") or {}), "phase": "Pending"}
        status["conditions"] = [{**refusal, "lastProbeTime": None, "lastTransitionTime": since}]
        self._store.update("pods", {**pod, "status": status}, subresource="status")
        self._recorder.say(pod, "FailedScheduling", message, kind="Warning")


def requests(pod: Obj) -> Amounts:
    """What a Pod asks of its node, in base units: the sum over its containers, and its place among the Pods."""
    total: Amounts = Counter(pods=1000)
    for container in pod["spec"].get("containers") or ():
        resources = container.get("resources") or {}
        asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        total.update(_thousandths(asked))
    return total


def _left(node: Obj, bound: list[Obj]) -> Amounts:
    """What the node has left to give beside the Pods on it; one that has ended gives back what it had."""
    left = _thousandths((node.get("status") or {}).get("allocatable") or {})
    for pod in bound:
        if not is_finished(pod):
            left.subtract(requests(pod))
    return left


def _problem(node: Obj, left: Amounts, asked: Amounts) -> str:
    """Why the node cannot take what is asked for, in the scheduler's words; empty where it can."""
    if (node.get("spec") or {}).get("unschedulable"):
        return "1 node(s) were unschedulable"
    short = sorted(name for name, amount in asked.items() if amount > 0 and amount > left[name])
    return ", ".join("1 Too many pods" if name == "pods" else f"1 Insufficient {name}" for name in short)


def _thousandths(amounts: Mapping[str, str]) -> Amounts:
    return Counter({name: int(parse_quantity(str(text)) * Decimal(1000)) for name, text in amounts.items()})


def _age(pod: Obj) -> tuple[str, int]:
    meta = pod["metadata"]
    return meta["creationTimestamp"], int(meta["resourceVersion"])
