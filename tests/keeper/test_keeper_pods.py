"""A pod that somebody deleted, told from those that a controller or a node took away."""

from __future__ import annotations

from typing import Any

import pytest

from lab.keeper.pods import Pods, deleted_by_hand, look_at_pods

LIVE = {"m-1": "new", "m-2": "new", "m-0": "old"}


def pods(live: dict[str, str], wanted: dict[str, int], disrupted: tuple[str, ...] = ()) -> Pods:
    return Pods(live, frozenset(disrupted), wanted)


BEFORE = pods(LIVE, {"new": 2, "old": 1})


@pytest.mark.parametrize(
    ("now", "by_hand"),
    [
        (BEFORE, []),
        (pods({"m-1": "new", "m-3": "new", "m-0": "old"}, {"new": 2, "old": 1}), ["m-2"]),
        (pods({"m-1": "new", "m-0": "old"}, {"new": 2, "old": 1}), ["m-2"]),
        (pods({"m-1": "new", "m-2": "new"}, {"new": 2, "old": 0}), []),
        (pods({"m-1": "new", "m-2": "new"}, {"new": 2}), []),
        (pods({"m-1": "new", "m-0": "old"}, {"new": 1, "old": 1}), []),
        (pods({"m-1": "new", "m-0": "old"}, {"new": 2, "old": 1}, ("m-2",)), []),
        (pods({}, {"new": 0, "old": 0}), []),
        (pods({"m-3": "new", "m-4": "new", "m-0": "old"}, {"new": 2, "old": 1}), ["m-1", "m-2"]),
        (pods({"m-3": "new", "m-0": "old"}, {"new": 1, "old": 1}), ["m-2"]),
    ],
    ids=["nothing", "replaced", "not yet replaced", "rolled out", "its set went too", "scaled down", "evicted",
         "all scaled to nothing", "both replaced", "one more than the scale-down explains"],
)  # fmt: skip
def test_who_deleted_a_pod(now: Pods, by_hand: list[str]) -> None:
    assert list(deleted_by_hand(BEFORE, now)) == by_hand


class Cluster:
    """Two pods of a ReplicaSet, one of them on its way out, and one of nobody's."""

    asked: list[str]

    def __init__(self) -> None:
        self.asked = []

    def list(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        self.asked.append(kind)
        if kind == "ReplicaSet":
            return [{"metadata": {"uid": "u1"}, "spec": {"replicas": 2}}]
        owned = {"ownerReferences": [{"kind": "ReplicaSet", "uid": "u1"}]}
        return [
            {"metadata": {"name": "a", **owned}, "status": {}},
            {"metadata": {"name": "b", **owned, "deletionTimestamp": "2026-10-01T14:00:00Z"},
             "status": {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}},
            {"metadata": {"name": "alone"}},
        ]  # fmt: skip


def test_pods_are_read_before_the_sets_that_explain_them() -> None:
    """The other way round, a scale-down between both looks would seem to be somebody's deletion."""
    cluster: Any = Cluster()
    assert look_at_pods(cluster) == pods({"a": "u1"}, {"u1": 2}, ("b",))
    assert cluster.asked == ["Pod", "ReplicaSet"]
