"""
How many Pods a metric asks for, as the horizontal Pod autoscaler works it out.

Method: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details. Amounts are in
thousandths: millicores, thousandths of a byte.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lab.cluster.embedded.controllers.common import condition, is_leaving, parse_time
from lab.cluster.embedded.options import AutoscalerOptions
from lab.cluster.embedded.quantity import parse_quantity
from lab.cluster.embedded.store import Obj
from lab.cluster.embedded.usage import WINDOW_SECONDS, UsageSource, pod_usage

Amounts = dict[str, int]
"""By the name of the Pod."""


class NoMetric(Exception):
    """A metric says nothing now; the text is worded as the autoscaler tells it."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far above and below 1 a ratio of usage and target may be without any consequence."""

    up: float
    down: float

    def hold(self, ratio: float) -> bool:
        """Whether the ratio is near enough to 1."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry of `spec.metrics`."""

    source: Literal["resource", "containerResource"]
    resource: str
    container: str
    """Empty: all containers of a Pod together."""
    utilization: int | None
    """Target in percent of the requests, or None for one in amounts."""
    average: int
    """Target per Pod, thousandths."""

    @classmethod
    def of(cls, entry: Obj) -> Metric:
        """The metric of a manifest that keeps the rules."""
        source: Literal["resource", "containerResource"] = (
            "resource" if entry["type"] == "Resource" else "containerResource"
        )
        found = entry[source]
        target = found["target"]
        by_share = target["type"] == "Utilization"
        average = 0 if by_share else thousandths(target["averageValue"])
        utilization = int(target["averageUtilization"]) if by_share else None
        return cls(source, found["name"], found.get("container", ""), utilization, average)

    @property
    def title(self) -> str:
        """How conditions and events name it."""
        between = "container resource" if self.container else "resource"
        share = " utilization (percentage of request)" if self.utilization is not None else ""
        return f"{self.resource} {between}{share}"

    @property
    def failure(self) -> str:
        """The reason of the condition and the event when there are no values."""
        return "FailedGetContainerResourceMetric" if self.container else "FailedGetResourceMetric"

    @property
    def looked_for(self) -> str:
        """What a failure to read it calls it."""
        what = f"container {self.container} " if self.container else ""
        return f"{what}{self.resource} {'utilization' if self.utilization is not None else 'usage'}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one metric asks for, and what it saw."""

    replicas: int
    average: int
    """Per Pod, thousandths."""
    utilization: int | None
    """Percent of the requests, where the target is one."""


@dataclass(slots=True)
class _Groups:
    """The Pods of a workload by what their metrics are good for."""

    ready: int
    unready: set[str]
    missing: set[str]
    ignored: set[str]


def propose(
    metric: Metric,
    current: int,
    pods: list[Obj],
    source: UsageSource,
    options: AutoscalerOptions,
    tolerances: Tolerances,
    now: datetime,
) -> Proposal:
    """The replicas that a metric asks for.

    Raises:
        NoMetric: no Pod tells, or a request is missing that a share is measured against.
    """
    used = _used(metric, pods, source)
    if not used:
        raise NoMetric(
            f"unable to get metrics for resource {metric.resource}: no metrics returned from resource metrics API"
        )
    groups = _grouped(metric.resource, pods, used, options, now)
    measured = {name: amount for name, amount in used.items() if name not in groups.unready | groups.ignored}
    if not measured:
        raise NoMetric("did not receive metrics for targeted pods (pods might be unready)")
    requests = _requests(metric, pods) if metric.utilization is not None else {}
    ratio = _ratio(metric, measured, requests)
    replicas = _replicas(metric, current, groups, measured, requests, tolerances)
    average = sum(measured.values()) // len(measured)
    return Proposal(replicas, average, round(ratio * metric.utilization) if metric.utilization is not None else None)


def _replicas(
    metric: Metric, current: int, groups: _Groups, measured: Amounts, requests: Amounts, tolerances: Tolerances
) -> int:
    """The count that brings the ratio to 1; Pods that say nothing are taken to argue against a change."""
    ratio = _ratio(metric, measured, requests)
    unready = groups.unready if ratio > 1.0 else set()
    if not unready and not groups.missing:
        return current if tolerances.hold(ratio) else math.ceil(ratio * groups.ready)
    assumed = dict(measured)
    for name in groups.missing:
        if ratio < 1.0:
            assumed[name] = _full_use(metric, requests.get(name, 0))
        elif ratio > 1.0:
            assumed[name] = 0
    assumed.update(dict.fromkeys(unready, 0))
    careful = _ratio(metric, assumed, requests)
    if tolerances.hold(careful) or (ratio < 1.0 < careful) or (careful < 1.0 < ratio):
        return current
    wanted = math.ceil(careful * len(assumed))
    return current if (careful < 1.0 and wanted > current) or (careful > 1.0 and wanted < current) else wanted


def _full_use(metric: Metric, request: int) -> int:
    """What a Pod without metrics is taken to use when the others would be fewer."""
    if metric.utilization is None:
        return metric.average
    return request * max(100, metric.utilization) // 100


def _ratio(metric: Metric, used: Amounts, requests: Amounts) -> float:
    """Usage over target; shares are whole percents, as the status shows them."""
    if metric.utilization is None:
        return sum(used.values()) / len(used) / metric.average
    requested = sum(requests[name] for name in used if name in requests)
    if not requested:
        raise NoMetric("no metrics returned matched known pods")
    total = sum(amount for name, amount in used.items() if name in requests)
    return (total * 100 // requested) / metric.utilization


def _used(metric: Metric, pods: list[Obj], source: UsageSource) -> Amounts:
    found: Amounts = {}
    for pod in pods:
        usages = pod_usage(source, pod)
        if usages is None or (metric.container and metric.container not in usages):
            continue
        chosen = [usages[metric.container]] if metric.container else usages.values()
        if metric.resource == "cpu":
            found[_name(pod)] = round(sum(usage.cpu_cores for usage in chosen) * 1000)
        else:
            found[_name(pod)] = sum(usage.memory_bytes for usage in chosen) * 1000
    return found


def _requests(metric: Metric, pods: list[Obj]) -> Amounts:
    found: Amounts = {}
    for pod in pods:
        for container in pod["spec"]["containers"]:
            if metric.container and container["name"] != metric.container:
                continue
            asked: Mapping[str, str] = (container.get("resources") or {}).get("requests") or {}
            if metric.resource not in asked:
                text = f"missing request for {metric.resource} in container {container['name']} of Pod {_name(pod)}"
                raise NoMetric(text)
            found[_name(pod)] = found.get(_name(pod), 0) + thousandths(asked[metric.resource])
    return found


def _grouped(resource: str, pods: list[Obj], used: Amounts, options: AutoscalerOptions, now: datetime) -> _Groups:
    groups = _Groups(0, set(), set(), set())
    for pod in pods:
        name, phase = _name(pod), (pod.get("status") or {}).get("phase")
        if is_leaving(pod) or phase == "Failed":
            groups.ignored.add(name)
        elif phase == "Pending":
            groups.unready.add(name)
        elif name not in used:
            groups.missing.add(name)
        elif resource == "cpu" and _is_warming_up(pod, options, now):
            groups.unready.add(name)
        else:
            groups.ready += 1
    return groups


def _is_warming_up(pod: Obj, options: AutoscalerOptions, now: datetime) -> bool:
    """Whether the CPU use of a Pod is that of its start and says nothing of its load."""
    ready, started = condition(pod, "Ready"), (pod.get("status") or {}).get("startTime")
    if ready is None or not started:
        return True
    begun, changed = parse_time(started), parse_time(ready["lastTransitionTime"])
    if (now - begun).total_seconds() < options.cpu_initialization_seconds:
        return ready["status"] == "False" or (now - changed).total_seconds() < WINDOW_SECONDS
    never_ready = (changed - begun).total_seconds() < options.initial_readiness_seconds
    return ready["status"] == "False" and never_ready


def thousandths(text: str) -> int:
    """A quantity in thousandths of its unit, rounded up."""
    return math.ceil(parse_quantity(str(text)) * 1000)


def _name(pod: Obj) -> str:
    return str(pod["metadata"]["name"])
