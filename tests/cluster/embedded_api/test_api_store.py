"""The store: stamps, versions, conflicts, generations, deletion and the watch history."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from lab.cluster.embedded import store as store_module
from lab.cluster.embedded.status import AlreadyExists, Conflict, Expired, NotFound, StatusError
from lab.cluster.embedded.store import Obj, Store

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def store() -> Store:
    made = Store(clock=lambda: MOMENT)
    made.create("namespaces", {"metadata": {"name": "ns"}})
    return made


def config(name: str = "a", **data: str) -> Obj:
    return {"metadata": {"name": name, "namespace": "ns"}, "data": data}


def pod(name: str = "p", **spec: object) -> Obj:
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": {"containers": [], **spec}}


def test_a_new_object_is_stamped(store: Store) -> None:
    made = store.create("deployments", {"metadata": {"name": "d", "namespace": "ns"}, "spec": {}})
    assert (made["kind"], made["apiVersion"]) == ("Deployment", "apps/v1")
    assert made["metadata"]["creationTimestamp"] == "2026-01-02T03:04:05Z"
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["resourceVersion"] == str(store.version)
    assert len(made["metadata"]["uid"]) == 36


def test_names_are_generated_and_taken_names_refused(store: Store) -> None:
    first = store.create("pods", {"metadata": {"generateName": "p-", "namespace": "ns"}, "spec": {}})
    second = store.create("pods", {"metadata": {"generateName": "p-", "namespace": "ns"}, "spec": {}})
    assert first["metadata"]["name"] != second["metadata"]["name"]
    assert first["metadata"]["name"].startswith("p-")
    store.create("configmaps", config())
    with pytest.raises(AlreadyExists, match='configmaps "a" already exists'):
        store.create("configmaps", config())
    with pytest.raises(StatusError, match="name or generateName is required"):
        store.create("configmaps", {"metadata": {"namespace": "ns"}})


def test_a_namespace_must_exist_and_not_be_going(store: Store) -> None:
    with pytest.raises(NotFound, match='namespaces "other" not found'):
        store.create("configmaps", {"metadata": {"name": "a", "namespace": "other"}})
    store.delete("namespaces", "", "ns")
    going = store.get("namespaces", "", "ns")
    assert going is not None
    assert going["status"]["phase"] == "Terminating"
    with pytest.raises(StatusError, match="because it is being terminated"):
        store.create("configmaps", config())


def test_stale_writes_conflict_and_unconditional_ones_do_not(store: Store) -> None:
    first = store.create("configmaps", config(x="1"))
    store.update("configmaps", {**first, "data": {"x": "2"}})
    with pytest.raises(Conflict, match="please apply your changes to the latest version"):
        store.update("configmaps", {**first, "data": {"x": "3"}})
    assert store.update("configmaps", config(x="4"))["data"] == {"x": "4"}
    with pytest.raises(NotFound):
        store.update("configmaps", config("b"))


def test_a_write_without_a_change_keeps_the_version(store: Store) -> None:
    made = store.create("configmaps", config(x="1"))
    assert store.update("configmaps", config(x="1")) is made
    assert store.version == int(made["metadata"]["resourceVersion"])


def test_generation_counts_spec_changes_only(store: Store) -> None:
    meta = {"name": "d", "namespace": "ns"}
    store.create("deployments", {"metadata": meta, "spec": {"replicas": 1}})
    labelled = store.update("deployments", {"metadata": {**meta, "labels": {"a": "b"}}, "spec": {"replicas": 1}})
    assert labelled["metadata"]["generation"] == 1
    assert store.update("deployments", {"metadata": meta, "spec": {"replicas": 2}})["metadata"]["generation"] == 2


def test_status_and_the_rest_are_written_apart(store: Store) -> None:
    made = store.create("pods", pod())
    told = store.update("pods", {**made, "status": {"phase": "Running"}, "spec": {"x": 1}}, subresource="status")
    assert told["status"] == {"phase": "Running"}
    assert told["spec"] == made["spec"]
    kept = store.update("pods", {**told, "status": {"phase": "Failed"}, "spec": {"containers": [], "nodeName": "n"}})
    assert kept["status"] == {"phase": "Running"}
    assert kept["spec"]["nodeName"] == "n"


def test_a_pod_on_a_node_leaves_gracefully(store: Store) -> None:
    store.create("pods", pod(nodeName="n", terminationGracePeriodSeconds=7))
    marked = store.delete("pods", "ns", "p")
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 7
    assert store.delete("pods", "ns", "p") == marked
    assert store.delete("pods", "ns", "p", grace_seconds=2)["metadata"]["deletionGracePeriodSeconds"] == 2
    store.remove("pods", "ns", "p")
    assert store.get("pods", "ns", "p") is None


@pytest.mark.parametrize("grace", [None, 0])
def test_a_pod_that_nothing_runs_or_that_is_forced_goes_at_once(store: Store, grace: int | None) -> None:
    store.create("pods", pod(**({"nodeName": "n"} if grace == 0 else {})))
    store.delete("pods", "ns", "p", grace_seconds=grace)
    assert store.get("pods", "ns", "p") is None


def test_finalizers_hold_an_object_until_they_are_gone(store: Store) -> None:
    store.create("configmaps", {"metadata": {"name": "a", "namespace": "ns", "finalizers": ["x"]}})
    held = store.delete("configmaps", "ns", "a")
    assert held["metadata"]["deletionTimestamp"]
    store.update("configmaps", {**held, "metadata": {**held["metadata"], "finalizers": []}})
    assert store.get("configmaps", "ns", "a") is None


def test_another_uid_is_not_deleted(store: Store) -> None:
    store.create("configmaps", config())
    with pytest.raises(Conflict, match="Precondition failed: UID"):
        store.delete("configmaps", "ns", "a", uid="other")


def test_history_tells_what_happened_with_what_was_before(store: Store) -> None:
    start = store.version
    made = store.create("configmaps", config(x="1"))
    store.update("configmaps", config(x="2"))
    store.create("secrets", {"metadata": {"name": "s", "namespace": "ns"}})
    store.delete("configmaps", "ns", "a")
    changes = store.changes_since(start, "configmaps")
    assert [change.type for change in changes] == ["ADDED", "MODIFIED", "DELETED"]
    assert changes[1].previous == made
    assert int(changes[2].obj["metadata"]["resourceVersion"]) == store.version


def test_history_refuses_what_it_does_not_know(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "HISTORY", 3)
    short = Store(first_version=100)
    for name in "abcde":
        short.create("namespaces", {"metadata": {"name": name}})
    assert len(short.changes_since(102, "namespaces")) == 3
    for version in (99, 101, 106):
        with pytest.raises(Expired, match="too old resource version"):
            short.changes_since(version, "namespaces")


async def test_waiting_ends_with_a_change_or_in_time(store: Store) -> None:
    version = store.version
    assert await store.wait_change(version - 1, 60) == version
    assert await store.wait_change(version, 0.01) == version
    waiting = asyncio.create_task(store.wait_change(version, 60))
    await asyncio.sleep(0)
    store.create("configmaps", config())
    assert await waiting == version + 1
