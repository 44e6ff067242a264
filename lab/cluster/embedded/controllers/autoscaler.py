"""The horizontal Pod autoscaler: replicas of Deployments and ReplicaSets by what their Pods use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.cluster.embedded.controllers.autoscale_metrics import (
    Metric,
    NoMetric,
    Proposal,
    Tolerances,
    propose,
    thousandths,
)
from lab.cluster.embedded.controllers.autoscale_rules import Memory, decide
from lab.cluster.embedded.controllers.common import is_finished, selects, with_meta
from lab.cluster.embedded.controllers.events import Recorder
from lab.cluster.embedded.options import AutoscalerOptions
from lab.cluster.embedded.store import Obj, Store, stamp
from lab.cluster.embedded.usage import UsageSource

RESOURCES = {"Deployment": "deployments", "ReplicaSet": "replicasets"}
"""What can be scaled, by kind."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What all metrics together ask for."""

    replicas: int
    reason: str
    """Which metric asks for more."""
    seen: list[Obj]
    """The entries of `status.currentMetrics`."""


class _Stuck(Exception):
    """Nothing can be decided this time; conditions and events are written."""


class Autoscaler:
    """Looks at each autoscaler in turn, every `sync_seconds`."""

    def __init__(self, store: Store, recorder: Recorder, source: UsageSource, options: AutoscalerOptions) -> None:
        self._store = store
        self._recorder = recorder
        self._source = source
        self._options = options
        self._memories: dict[str, Memory] = {}
        self._due: dict[str, datetime] = {}

    def reconcile(self, now: datetime) -> None:
        """One pass over all autoscalers whose time has come; a new one is looked at at once."""
        scalers = self._store.list("horizontalpodautoscalers")
        for uid in self._due.keys() - {scaler["metadata"]["uid"] for scaler in scalers}:
            del self._due[uid], self._memories[uid]
        for scaler in scalers:
            uid = scaler["metadata"]["uid"]
            if now >= self._due.get(uid, now):
                self._due[uid] = now + timedelta(seconds=self._options.sync_seconds)
                memory = self._memories.setdefault(uid, Memory())
                memory.forget(now)
                _Look(self._store, self._recorder, self._source, self._options, scaler, memory, now).take()


class _Look:
    """One look at one autoscaler."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        source: UsageSource,
        options: AutoscalerOptions,
        scaler: Obj,
        memory: Memory,
        now: datetime,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._source = source
        self._options = options
        self._scaler = scaler
        self._spec: Obj = scaler["spec"]
        self._memory = memory
        self._now = now
        self._status: Obj = {"currentReplicas": 0, "desiredReplicas": 0, **(scaler.get("status") or {})}

    def take(self) -> None:
        """Measure, decide, scale, and report."""
        try:
            target = self._target()
            self._scale(target)
        except _Stuck:
            pass
        if self._status != self._scaler.get("status"):
            written = {**with_meta(self._scaler, resourceVersion=None), "status": self._status}
            self._store.update("horizontalpodautoscalers", written, subresource="status")

    def _target(self) -> Obj:
        """The workload; raises _Stuck where there is none."""
        reference = self._spec["scaleTargetRef"]
        resource = RESOURCES.get(reference["kind"])
        namespace = self._scaler["metadata"]["namespace"]
        found = self._store.get(resource, namespace, reference["name"]) if resource is not None else None
        if found is None:
            if resource is None:
                why = f'no matches for kind "{reference["kind"]}" in group "{_group(reference)}"'
            else:
                why = f'{resource}/scale.apps "{reference["name"]}" not found'
            text = f"the HPA controller was unable to get the target's current scale: {why}"
            self._condition("AbleToScale", False, "FailedGetScale", text)
            self._warn("FailedGetScale", why)
            raise _Stuck
        text = "the HPA controller was able to get the target's current scale"
        self._condition("AbleToScale", True, "SucceededGetScale", text)
        return found

    def _scale(self, target: Obj) -> None:
        current: int = target["spec"].get("replicas", 1)
        self._status["currentReplicas"] = (target.get("status") or {}).get("replicas", 0)
        lowest, highest = int(self._spec.get("minReplicas", 1)), int(self._spec["maxReplicas"])
        if current == 0:
            text = "scaling is disabled since the replica count of the target is zero"
            self._condition("ScalingActive", False, "ScalingDisabled", text)
            self._status["desiredReplicas"] = 0
            return
        if current > highest:
            self._resize(target, current, highest, "Current number of replicas above Spec.MaxReplicas")
        elif current < lowest:
            self._resize(target, current, lowest, "Current number of replicas below Spec.MinReplicas")
        else:
            self._follow(target, current)

    def _follow(self, target: Obj, current: int) -> None:
        wish = self._wish(target, current)
        self._status["currentMetrics"] = wish.seen
        found = decide(self._spec, self._memory, current, wish.replicas, self._options, self._now)
        self._condition("AbleToScale", True, found.able_reason, found.able_message)
        self._condition("ScalingLimited", found.is_limited, found.limit_reason, found.limit_message)
        if found.replicas == current:
            self._status["desiredReplicas"] = current
            return
        grows = found.replicas > current
        self._resize(
            target, current, found.replicas, f"{wish.reason} above target" if grows else "All metrics below target"
        )

    def _wish(self, target: Obj, current: int) -> _Wish:
        """The most that any metric asks for; raises _Stuck where none of them tells enough."""
        pods = self._pods(target)
        seen: list[Obj] = []
        best: tuple[int, str] | None = None
        failures: list[tuple[Metric, str]] = []
        for entry in self._spec["metrics"]:
            metric = Metric.of(entry)
            try:
                if not pods:
                    raise NoMetric("no pods returned by selector while calculating replica count")
                found = propose(metric, current, pods, self._source, self._options, self._tolerances(), self._now)
            except NoMetric as error:
                failures.append((metric, f"failed to get {metric.looked_for}: {error}"))
                continue
            seen.append(_shown(metric, found))
            if best is None or found.replicas > best[0]:
                best = (found.replicas, metric.title)
        if best is None or (failures and best[0] < current):
            self._fail(failures)
        assert best is not None
        text = f"the HPA was able to successfully calculate a replica count from {best[1]}"
        self._condition("ScalingActive", True, "ValidMetricFound", text)
        return _Wish(best[0], best[1], seen)

    def _fail(self, failures: list[tuple[Metric, str]]) -> None:
        for metric, problem in failures:
            self._warn(metric.failure, problem)
        metric, problem = failures[0]
        text = f"the HPA was unable to compute the replica count: {problem}"
        self._condition("ScalingActive", False, metric.failure, text)
        of = len(self._spec["metrics"])
        told = (
            f"invalid metrics ({len(failures)} invalid out of {of}), first error is: "
            f"failed to get {metric.resource} resource metric value: {problem}"
        )
        self._warn("FailedComputeMetricsReplicas", told)
        self._status.pop("currentMetrics", None)
        raise _Stuck

    def _resize(self, target: Obj, current: int, wanted: int, reason: str) -> None:
        resource = RESOURCES[target["kind"]]
        changed = {**with_meta(target, resourceVersion=None), "spec": {**target["spec"], "replicas": wanted}}
        self._store.update(resource, changed)
        self._memory.scaled(current, wanted, self._now)
        text = f"the HPA controller was able to update the target scale to {wanted}"
        self._condition("AbleToScale", True, "SucceededRescale", text)
        self._recorder.say(self._scaler, "SuccessfulRescale", f"New size: {wanted}; reason: {reason}")
        self._status.update(desiredReplicas=wanted, lastScaleTime=stamp(self._now))

    def _pods(self, target: Obj) -> list[Obj]:
        return [
            pod
            for pod in self._store.list("pods", target["metadata"]["namespace"])
            if selects(target["spec"].get("selector"), pod["metadata"].get("labels")) and not is_finished(pod)
        ]

    def _tolerances(self) -> Tolerances:
        behavior = self._spec.get("behavior") or {}
        set_by = [(behavior.get(way) or {}).get("tolerance") for way in ("scaleUp", "scaleDown")]
        up, down = (self._options.tolerance if own is None else thousandths(own) / 1000 for own in set_by)
        return Tolerances(up, down)

    def _condition(self, kind: str, holds: bool, reason: str, message: str) -> None:
        wanted = "True" if holds else "False"
        listed: list[Obj] = list(self._status.get("conditions") or ())
        old = next((found for found in listed if found["type"] == kind), None)
        since = old["lastTransitionTime"] if old is not None and old["status"] == wanted else stamp(self._now)
        fresh = {"type": kind, "status": wanted, "lastTransitionTime": since, "reason": reason, "message": message}
        if old is None:
            listed.append(fresh)
        else:
            listed[listed.index(old)] = fresh
        self._status["conditions"] = listed

    def _warn(self, reason: str, message: str) -> None:
        self._recorder.say(self._scaler, reason, message, kind="Warning")


def _shown(metric: Metric, found: Proposal) -> Obj:
    """One entry of `status.currentMetrics`."""
    amount = f"{found.average}m" if metric.resource == "cpu" else str(found.average // 1000)
    current: Obj = {"averageValue": amount}
    if found.utilization is not None:
        current["averageUtilization"] = found.utilization
    if metric.container:
        inner = {"name": metric.resource, "container": metric.container, "current": current}
        return {"type": "ContainerResource", "containerResource": inner}
    return {"type": "Resource", "resource": {"name": metric.resource, "current": current}}


def _group(reference: Obj) -> str:
    return str(reference.get("apiVersion", "")).rpartition("/")[0]
