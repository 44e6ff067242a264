"""Strategic merge, JSON merge and JSON patches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.cluster.embedded.patch import json_patch, merge_patch, strategic_merge
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import Obj

DEPLOYMENT = "k8s.io.api.apps.v1.Deployment"
SERVICE = "k8s.io.api.core.v1.Service"


def env_of(obj: Obj) -> list[Any]:
    found: list[Any] = obj["spec"]["template"]["spec"]["containers"][0]["env"]
    return found


def in_container(patch: dict[str, Any]) -> Obj:
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", **patch}]}}}}


def test_lists_merge_by_their_key(make_deployment: Callable[..., Obj]) -> None:
    base = make_deployment()
    patch = in_container({"image": "lab/web:2", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]})
    made = strategic_merge(DEPLOYMENT, base, patch)
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "lab/web:2"
    assert env_of(made) == [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}]
    assert env_of(base) == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]


def test_items_are_deleted_and_lists_replaced(make_deployment: Callable[..., Obj]) -> None:
    dropped = strategic_merge(DEPLOYMENT, make_deployment(), in_container({"env": [{"name": "A", "$patch": "delete"}]}))
    assert env_of(dropped) == [{"name": "B", "value": "2"}]
    swapped = in_container({"env": [{"$patch": "replace"}, {"name": "Z", "value": "9"}]})
    assert env_of(strategic_merge(DEPLOYMENT, make_deployment(), swapped)) == [{"name": "Z", "value": "9"}]


def test_lists_without_a_key_are_replaced(make_deployment: Callable[..., Obj]) -> None:
    once = strategic_merge(DEPLOYMENT, make_deployment(), in_container({"args": ["a", "b"]}))
    twice = strategic_merge(DEPLOYMENT, once, in_container({"args": ["c"]}))
    assert twice["spec"]["template"]["spec"]["containers"][0]["args"] == ["c"]


def test_element_order_is_kept(make_deployment: Callable[..., Obj]) -> None:
    order = [{"name": "C"}, {"name": "A"}]
    patch = in_container({"$setElementOrder/env": order, "env": [{"name": "C", "value": "3"}]})
    names = [entry["name"] for entry in env_of(strategic_merge(DEPLOYMENT, make_deployment(), patch))]
    assert names.index("C") < names.index("A")
    assert sorted(names) == ["A", "B", "C"]


def test_null_deletes_and_retain_keys_drops_the_rest(make_deployment: Callable[..., Obj]) -> None:
    base = make_deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}})
    patch = {"spec": {"replicas": None, "strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    made = strategic_merge(DEPLOYMENT, base, patch)
    assert "replicas" not in made["spec"]
    assert made["spec"]["strategy"] == {"type": "Recreate"}


def test_finalizers_are_joined_and_taken_out() -> None:
    base = {"metadata": {"finalizers": ["a"]}}
    joined = strategic_merge(SERVICE, base, {"metadata": {"finalizers": ["b", "a"]}})
    assert joined["metadata"]["finalizers"] == ["a", "b"]
    taken = strategic_merge(SERVICE, joined, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}})
    assert taken["metadata"]["finalizers"] == ["b"]


def test_service_ports_merge_by_port_number() -> None:
    base = {"spec": {"ports": [{"port": 1, "name": "a"}, {"port": 2, "name": "b"}]}}
    made = strategic_merge(SERVICE, base, {"spec": {"ports": [{"port": 2, "targetPort": 9}]}})
    assert made["spec"]["ports"] == [{"port": 1, "name": "a"}, {"port": 2, "name": "b", "targetPort": 9}]


def test_an_item_without_its_key_is_refused(make_deployment: Callable[..., Obj]) -> None:
    with pytest.raises(StatusError, match="does not contain declared merge key: name"):
        strategic_merge(DEPLOYMENT, make_deployment(), in_container({"env": [{"value": "x"}]}))


def test_merge_patch_is_rfc_7386() -> None:
    assert merge_patch({"a": {"b": 1, "c": 2}, "l": [1]}, {"a": {"b": None}, "l": [2], "n": {"x": None}}) == {
        "a": {"c": 2},
        "l": [2],
        "n": {},
    }


def test_json_patch_changes_a_copy_and_names_its_refusals() -> None:
    base = {"spec": {"replicas": 1}}
    assert json_patch(base, [{"op": "replace", "path": "/spec/replicas", "value": 2}]) == {"spec": {"replicas": 2}}
    assert base == {"spec": {"replicas": 1}}
    with pytest.raises(StatusError) as refused:
        json_patch(base, [{"op": "test", "path": "/spec/replicas", "value": 5}])
    assert refused.value.code == 422
    with pytest.raises(StatusError) as unreadable:
        json_patch(base, {"op": "replace"})
    assert unreadable.value.code == 400
