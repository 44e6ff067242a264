"""
How fast an autoscaler may follow what its metrics ask for: stabilization windows and scaling policies.

Method: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lab.cluster.embedded.defaults_autoscaling import DOWN, UP, rules
from lab.cluster.embedded.options import AutoscalerOptions
from lab.cluster.embedded.store import Obj

_Pick = Callable[[Sequence[int]], int]

LONGEST_WINDOW = timedelta(hours=1)
"""The longest stabilization window and policy period there are; older memories are of no use."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The replicas to have now, and the conditions that say what stood in the way of others."""

    replicas: int
    able_reason: str
    able_message: str
    is_limited: bool
    limit_reason: str
    limit_message: str


@dataclass(slots=True)
class Memory:
    """What an autoscaler remembers between two looks."""

    recommendations: list[tuple[datetime, int]] = field(default_factory=list)
    added: list[tuple[datetime, int]] = field(default_factory=list)
    removed: list[tuple[datetime, int]] = field(default_factory=list)

    def scaled(self, before: int, after: int, now: datetime) -> None:
        """Remember a change of the replicas."""
        (self.added if after > before else self.removed).append((now, abs(after - before)))

    def forget(self, now: datetime) -> None:
        """Drop what no window reaches back to."""
        for entries in (self.recommendations, self.added, self.removed):
            entries[:] = [entry for entry in entries if now - entry[0] <= LONGEST_WINDOW]


def decide(spec: Obj, memory: Memory, current: int, wanted: int, options: AutoscalerOptions, now: datetime) -> Decision:
    """What to do about `wanted` replicas when there are `current` ones; the recommendation is remembered."""
    behavior = spec.get("behavior") or {}
    up, down = rules(behavior.get("scaleUp"), UP), rules(behavior.get("scaleDown"), DOWN)
    down_window = down.get("stabilizationWindowSeconds", options.downscale_stabilization_seconds)
    stable = _stabilized(memory, current, wanted, up.get("stabilizationWindowSeconds", 0), down_window, now)
    if stable == wanted:
        able = ("ReadyForNewScale", "recommended size matches current size")
    elif wanted >= current:
        text = "recent recommendations were lower than current one, applying the lowest recent recommendation"
        able = ("ScaleUpStabilized", text)
    else:
        text = "recent recommendations were higher than current one, applying the highest recent recommendation"
        able = ("ScaleDownStabilized", text)
    replicas, limit = _limited(spec, memory, current, stable, up, down, now)
    return Decision(replicas, *able, replicas != stable, *limit)


def _stabilized(
    memory: Memory, current: int, wanted: int, up_seconds: float, down_seconds: float, now: datetime
) -> int:
    """The lowest recent recommendation on the way up, the highest on the way down."""
    if not memory.recommendations:
        memory.recommendations.append((now, current))
    lowest = highest = wanted
    for moment, replicas in memory.recommendations:
        age = (now - moment).total_seconds()
        if age < up_seconds:
            lowest = min(lowest, replicas)
        if age < down_seconds:
            highest = max(highest, replicas)
    memory.recommendations.append((now, wanted))
    return min(max(current, lowest), highest)


def _limited(
    spec: Obj, memory: Memory, current: int, wanted: int, up: Obj, down: Obj, now: datetime
) -> tuple[int, tuple[str, str]]:
    """The replicas within the policies and bounds, with reason and message of the condition ScalingLimited."""
    within = ("DesiredWithinRange", "the desired count is within the acceptable range")
    if wanted > current:
        rate, bound = max(current, _up_limit(up, memory, current, now)), int(spec["maxReplicas"])
        if wanted <= min(rate, bound):
            return wanted, within
        if rate < bound:
            return rate, ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
        return bound, ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
    if wanted < current:
        rate, bound = min(current, _down_limit(down, memory, current, now)), int(spec.get("minReplicas", 1))
        if wanted >= max(rate, bound):
            return wanted, within
        if rate > bound:
            text = "the desired replica count is decreasing faster than the maximum scale rate"
            return rate, ("ScaleDownLimit", text)
        return bound, ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
    return wanted, within


def _up_limit(given: Obj, memory: Memory, current: int, now: datetime) -> int:
    """The most replicas that the policies for scaling up allow now."""
    proposed = []
    for policy in given["policies"]:
        start = current - _sum(memory.added, policy, now) + _sum(memory.removed, policy, now)
        by_count = policy["type"] == "Pods"
        proposed.append(start + policy["value"] if by_count else math.ceil(start * (100 + policy["value"]) / 100))
    return _chosen(given, proposed, current, widest=max, narrowest=min)


def _down_limit(given: Obj, memory: Memory, current: int, now: datetime) -> int:
    """The fewest replicas that the policies for scaling down allow now."""
    proposed = []
    for policy in given["policies"]:
        start = current + _sum(memory.removed, policy, now) - _sum(memory.added, policy, now)
        by_count = policy["type"] == "Pods"
        proposed.append(start - policy["value"] if by_count else start * (100 - policy["value"]) // 100)
    return _chosen(given, proposed, current, widest=min, narrowest=max)


def _chosen(given: Obj, proposed: Sequence[int], current: int, *, widest: _Pick, narrowest: _Pick) -> int:
    match given["selectPolicy"]:
        case "Disabled":
            return current
        case "Min":
            return narrowest(proposed)
        case _:
            return widest(proposed)


def _sum(entries: Sequence[tuple[datetime, int]], policy: Obj, now: datetime) -> int:
    """How many Pods came or went within the period of a policy."""
    period = timedelta(seconds=policy["periodSeconds"])
    return sum(count for moment, count in entries if now - moment < period)
