"""Tables, ages, Pod words and selectors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab.cluster.embedded.kinds import BY_RESOURCE, KINDS
from lab.cluster.embedded.selectors import (
    Selection,
    field_requirements,
    label_requirements,
    selector_accepts,
    selector_text,
)
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import stamp
from lab.cluster.embedded.tables import table
from lab.cluster.embedded.tables_age import duration
from lab.cluster.embedded.tables_columns import COLUMNS
from lab.cluster.embedded.tables_pod import restarts_text, status_text

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0s"), (5, "5s"), (119, "119s"), (120, "2m"), (130, "2m10s"), (900, "15m"), (3 * 3600, "3h"),
        (3 * 3600 + 300, "3h5m"), (30 * 3600, "30h"), (3 * 86400, "3d"), (3 * 86400 + 7200, "3d2h"), (9 * 86400, "9d"),
        (800 * 86400, "2y70d"),
    ],
)  # fmt: skip
def test_ages(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def pod(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Running", **status},
    }


def state(**of: Any) -> dict[str, Any]:
    return pod(containerStatuses=[{"name": "c", "ready": False, "restartCount": 2, "state": of, "lastState": {}}])


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (pod(phase="Pending"), "Pending"),
        (state(running={}), "Running"),
        (state(waiting={"reason": "CrashLoopBackOff"}), "CrashLoopBackOff"),
        (state(terminated={"reason": "OOMKilled", "exitCode": 137}), "OOMKilled"),
        (state(terminated={"exitCode": 3}), "ExitCode:3"),
        ({**state(running={}), "metadata": {"name": "p", "deletionTimestamp": "x"}}, "Terminating"),
    ],
)
def test_words_for_a_pod(obj: dict[str, Any], text: str) -> None:
    assert status_text(obj) == text


def test_restarts_tell_how_long_ago() -> None:
    obj = state(running={})
    assert restarts_text(obj, NOW) == "2"
    obj["status"]["containerStatuses"][0]["lastState"] = {
        "terminated": {"finishedAt": stamp(NOW - timedelta(seconds=4))}
    }
    assert restarts_text(obj, NOW) == "2 (4s ago)"


def test_every_kind_has_columns_and_every_column_fits_an_empty_object() -> None:
    assert {kind.plural for kind in KINDS} == set(COLUMNS) - {""}
    for kind in KINDS:
        spec: dict[str, Any] = {"template": {"spec": {}}} if kind.scalable else {}
        bare = {"metadata": {"name": "x", "creationTimestamp": stamp(NOW)}, "spec": spec}
        made = table(kind, [bare], version="1", now=NOW, include="Metadata")
        assert len(made["rows"][0]["cells"]) == len(made["columnDefinitions"])
        assert made["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        assert all(isinstance(cell, str | int) for cell in made["rows"][0]["cells"])


def test_a_deployment_row() -> None:
    template = {"spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "j:2"}]}}
    obj = {
        "metadata": {"name": "web", "creationTimestamp": stamp(NOW - timedelta(minutes=5))},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template},
        "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1},
    }
    made = table(BY_RESOURCE["deployments"], [obj], version="9", now=NOW, include="None", with_columns=False)
    assert made["columnDefinitions"] is None
    assert made["rows"] == [{"cells": ["web", "1/3", 2, 1, "5m", "a,b", "i:1,j:2", "app=web"]}]


LABELS = {"app": "web", "tier": "front"}


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("", True), ("app=web", True), ("app==web,tier=front", True), ("app=x", False), ("app!=x", True),
        ("none!=x", True), ("app in (x, web)", True), ("app notin (web)", False), ("none notin (x)", True),
        ("tier", True), ("none", False), ("!none", True), ("!tier", False), ("app in (a,b),tier", False),
    ],
)  # fmt: skip
def test_label_selectors(text: str, accepted: bool) -> None:
    obj = {"metadata": {"name": "n", "labels": LABELS}, "status": {"phase": "Running"}}
    assert Selection(labels=label_requirements(text)).accepts(obj) is accepted


@pytest.mark.parametrize(
    ("text", "accepted"),
    [("metadata.name=n", True), ("metadata.name!=n", False), ("status.phase=Running,metadata.name=n", True),
     ("spec.nodeName=", True), ("a.b.c=x", False)],
)  # fmt: skip
def test_field_selectors(text: str, accepted: bool) -> None:
    obj = {"metadata": {"name": "n"}, "status": {"phase": "Running"}}
    assert Selection(fields=field_requirements(text)).accepts(obj) is accepted


def test_unreadable_selectors_are_bad_requests() -> None:
    for broken in (lambda: label_requirements("a=(b"), lambda: field_requirements("metadata.name")):
        with pytest.raises(StatusError) as refused:
            broken()
        assert refused.value.code == 400


def test_selectors_of_workloads() -> None:
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["front", "back"]},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }
    assert selector_accepts(selector, LABELS)
    assert not selector_accepts(selector, {**LABELS, "old": "1"})
    assert not selector_accepts(selector, {"app": "web"})
    text = selector_text(selector)
    assert text == "app=web,tier in (front,back),!old"
    assert Selection(labels=label_requirements(text)).accepts({"metadata": {"labels": LABELS}})
