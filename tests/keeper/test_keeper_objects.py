"""Whose change: one line a person understands for each difference."""

from __future__ import annotations

import json
from typing import Any

from lab.keeper.objects import differences


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
