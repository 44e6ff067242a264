"""Whose change: one line a person understands for each difference."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from lab.cluster.client import Object
from lab.errors import NotAllowed, NotFound
from lab.keeper.objects import OWN_TOOLS, differences, snapshot


def deployment(image: str = "mlops-lab/gateway:1.9.0", replicas: int = 1, deadline: str | None = "3000") -> str:
    env: list[dict[str, Any]] = [{"name": "PORT", "value": "8600"}]
    if deadline is not None:
        env.append({"name": "DEADLINE_MS", "value": deadline})
    container = {"name": "gateway", "image": image, "env": env}
    return json.dumps({"replicas": replicas, "template": {"spec": {"containers": [container]}}})


def described(before: str, after: str) -> list[tuple[str, str, str]]:
    return list(differences({"Deployment/gateway": before}, {"Deployment/gateway": after}))


def test_no_difference_is_no_change() -> None:
    assert described(deployment(), deployment()) == []


def test_an_image_is_told_by_its_tags() -> None:
    assert described(deployment(), deployment("mlops-lab/gateway:1.8.2")) == [
        ("Deployment", "gateway", "image 1.9.0 -> 1.8.2")
    ]


def test_replicas_and_env_are_told_by_name_and_value() -> None:
    assert described(deployment(), deployment(replicas=0))[0][2] == "replicas 1 -> 0"
    assert described(deployment(), deployment(deadline="200"))[0][2] == "env DEADLINE_MS 3000 -> 200"
    assert described(deployment(deadline=None), deployment())[0][2] == "env DEADLINE_MS none -> 3000"


def test_order_of_env_entries_does_not_count_as_a_change_of_values() -> None:
    tree = json.loads(deployment())
    tree["template"]["spec"]["containers"][0]["env"].reverse()
    assert described(deployment(), json.dumps(tree)) in ([], [("Deployment", "gateway", "changed")])


def test_objects_that_come_and_go_are_told() -> None:
    assert list(differences({}, {"ConfigMap/notes": "{}"})) == [("ConfigMap", "notes", "created")]
    assert list(differences({"Service/feed": "{}"}, {})) == [("Service", "feed", "deleted")]


class Shelf:
    """A cluster of the objects that a test puts there; kinds of people's own may be refused."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.objects: dict[str, dict[str, Object]] = {}
        self._refusal = refusal
        self.scope = ""

    def list(self, kind: str, *, unscoped: bool = False) -> list[Object]:
        if self.scope and not unscoped and kind in OWN_TOOLS:
            return []  # what people make carries no label of ours
        if self._refusal is not None and kind in OWN_TOOLS:
            raise self._refusal
        return list(self.objects.get(kind, {}).values())

    def put(self, kind: str, name: str, spec: dict[str, Any], **meta: Any) -> None:
        self.objects.setdefault(kind, {})[name] = {"metadata": {"name": name, **meta}, "spec": spec}

    def scale(self, replicas: int) -> None:
        self.put("Deployment", "web", {"replicas": replicas, "paused": False})

    def autoscale(self, highest: int = 5) -> None:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        self.put("HorizontalPodAutoscaler", "web", {"scaleTargetRef": target, "maxReplicas": highest})

    def known(self) -> dict[str, str]:
        return snapshot(cast(Any, self))


def changes(shelf: Shelf, before: dict[str, str]) -> list[tuple[str, str, str]]:
    return list(differences(before, shelf.known()))


def test_replicas_that_an_autoscaler_sets_are_nobodys_change() -> None:
    shelf = Shelf()
    shelf.scale(2)
    before = shelf.known()
    shelf.autoscale()
    shelf.scale(4)
    assert changes(shelf, before) == [("HorizontalPodAutoscaler", "web", "created")]
    before = shelf.known()
    shelf.scale(5)
    assert changes(shelf, before) == []
    shelf.put("Deployment", "web", {"replicas": 3, "paused": True})
    assert changes(shelf, before) == [("Deployment", "web", "paused changed")]


def test_changes_of_the_autoscaler_itself_are_somebodys() -> None:
    shelf = Shelf()
    shelf.scale(2)
    shelf.autoscale()
    before = shelf.known()
    shelf.autoscale(highest=9)
    assert changes(shelf, before) == [("HorizontalPodAutoscaler", "web", "maxReplicas changed")]
    shelf.objects["HorizontalPodAutoscaler"].clear()
    assert changes(shelf, before) == [("HorizontalPodAutoscaler", "web", "deleted")], "and not the replicas it left"
    before = shelf.known()
    shelf.scale(1)
    assert changes(shelf, before) == [("Deployment", "web", "replicas 2 -> 1")]


def test_in_a_shared_namespace_only_autoscalers_of_our_workloads_count() -> None:
    shelf = Shelf()
    shelf.scope = "app.kubernetes.io/part-of=flight-risk"
    shelf.scale(2)
    other = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "theirs"}
    shelf.put("HorizontalPodAutoscaler", "theirs", {"scaleTargetRef": other, "maxReplicas": 5})
    shelf.autoscale()
    assert set(shelf.known()) == {"Deployment/web", "HorizontalPodAutoscaler/web"}


def owner(kind: str) -> list[dict[str, Any]]:
    return [{"kind": kind, "name": "x", "uid": "u", "controller": True}]


def test_jobs_of_a_cron_job_are_nobodys_change() -> None:
    shelf = Shelf()
    before = shelf.known()
    shelf.put("CronJob", "nightly", {"schedule": "@daily"})
    shelf.put("Job", "nightly-1", {"completions": 1}, ownerReferences=owner("CronJob"))
    assert changes(shelf, before) == [("CronJob", "nightly", "created")]


def test_jobs_that_people_start_are_theirs_and_cleaning_up_is_not() -> None:
    shelf = Shelf()
    before = shelf.known()
    manual = {"cronjob.kubernetes.io/instantiate": "manual"}
    shelf.put("Job", "by-hand", {"completions": 1}, ownerReferences=owner("CronJob"), annotations=manual)
    shelf.put("Job", "passing", {"completions": 1, "ttlSecondsAfterFinished": 1})
    shelf.put("Job", "staying", {"completions": 1})
    made = [("Job", name, "created") for name in ("by-hand", "passing", "staying")]
    assert changes(shelf, before) == made
    before = shelf.known()
    shelf.objects["Job"].clear()
    assert changes(shelf, before) == [("Job", "staying", "deleted")]


@pytest.mark.parametrize("refusal", [NotFound("t", "m", "n"), NotAllowed("t", "m", "n")])
def test_a_cluster_that_keeps_such_kinds_to_itself_shows_none(refusal: Exception) -> None:
    shelf = Shelf(refusal)
    shelf.scale(2)
    assert set(shelf.known()) == {"Deployment/web"}
