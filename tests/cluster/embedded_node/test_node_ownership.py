"""Owners, namespaces, adoption and the endpoints of Services, on a store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from embedded_node_bench import NAMESPACE, FakeClock, new_store, pod_manifest

from lab.cluster.embedded.controllers import Controllers
from lab.cluster.embedded.store import Obj, Store, stamp


@pytest.fixture
def store(clock: FakeClock) -> Store:
    return new_store(clock=clock)


@pytest.fixture
def controllers(store: Store, clock: FakeClock) -> Controllers:
    return Controllers(store, clock=clock)


def replica_set(store: Store, replicas: int = 2) -> Obj:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "web:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return store.create("replicasets", {"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": spec})


def running_pod(store: Store, name: str, address: str, *, ready: bool = True, **meta: Any) -> Obj:
    manifest = pod_manifest(name, {"ports": [{"name": "http", "containerPort": 8601}]}, nodeName="here")
    manifest["metadata"].update({"labels": {"app": "web"}, **meta})
    pod = store.create("pods", manifest)
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": stamp(FakeClock()())}
    status = {"phase": "Running", "podIP": address, "conditions": [condition]}
    return store.update("pods", {**pod, "status": status}, subresource="status")


def service(store: Store) -> Obj:
    spec = {
        "clusterIP": "127.0.0.1",
        "selector": {"app": "web"},
        "ports": [{"name": "http", "port": 8600, "targetPort": "http", "protocol": "TCP"}],
    }
    return store.create("services", {"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": spec})


def endpoints(store: Store) -> dict[str, tuple[bool, int]]:
    """Ready and port by address."""
    return {
        endpoint["addresses"][0]: (endpoint["conditions"]["ready"], part["ports"][0]["port"])
        for part in store.list("endpointslices")
        for endpoint in part["endpoints"]
    }


def test_pods_without_a_controller_are_adopted_and_strangers_let_go(store: Store, controllers: Controllers) -> None:
    running_pod(store, "stray", "127.0.0.2")
    held = replica_set(store, 2)
    controllers.reconcile()
    assert len(store.list("pods")) == 2
    stray = store.get("pods", NAMESPACE, "stray")
    assert stray is not None
    assert stray["metadata"]["ownerReferences"][0]["uid"] == held["metadata"]["uid"]
    store.update("pods", {**stray, "metadata": {**stray["metadata"], "labels": {"app": "other"}}})
    controllers.reconcile()
    released = store.get("pods", NAMESPACE, "stray")
    assert released is not None
    assert "ownerReferences" not in released["metadata"]
    assert len(store.list("pods")) == 3


def test_background_deletion_takes_the_owned(store: Store, controllers: Controllers) -> None:
    replica_set(store)
    controllers.reconcile()
    store.delete("replicasets", NAMESPACE, "web")
    controllers.reconcile()
    assert not store.list("pods")


def test_foreground_deletion_waits_for_the_owned(store: Store, controllers: Controllers) -> None:
    held = replica_set(store, 0)
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": held["metadata"]["uid"]}
    running_pod(store, "owned", "127.0.0.2", ownerReferences=[{**reference, "controller": True}])
    held = store.list("replicasets")[0]
    store.update("replicasets", {**held, "metadata": {**held["metadata"], "finalizers": ["foregroundDeletion"]}})
    store.delete("replicasets", NAMESPACE, "web")
    controllers.reconcile()
    controllers.reconcile()
    assert store.get("replicasets", NAMESPACE, "web") is not None
    store.remove("pods", NAMESPACE, "owned")
    controllers.reconcile()
    assert store.get("replicasets", NAMESPACE, "web") is None


def test_orphaning_leaves_the_owned(store: Store, controllers: Controllers) -> None:
    held = replica_set(store)
    controllers.reconcile()
    held = store.list("replicasets")[0]
    store.update("replicasets", {**held, "metadata": {**held["metadata"], "finalizers": ["orphan"]}})
    store.delete("replicasets", NAMESPACE, "web")
    controllers.reconcile()
    assert not store.list("replicasets")
    assert len(store.list("pods")) == 2
    assert not any("ownerReferences" in pod["metadata"] for pod in store.list("pods"))


def test_a_namespace_is_emptied_then_removed(store: Store, controllers: Controllers) -> None:
    service(store)
    running_pod(store, "web", "127.0.0.2")
    store.create("configmaps", {"metadata": {"name": "c", "namespace": NAMESPACE}})
    controllers.reconcile()
    store.delete("namespaces", "", NAMESPACE)
    controllers.reconcile()
    controllers.reconcile()
    assert [pod["metadata"]["name"] for pod in store.list("pods")] == ["web"]
    assert not store.list("configmaps")
    assert store.get("namespaces", "", NAMESPACE) is not None
    store.remove("pods", NAMESPACE, "web")
    controllers.reconcile()
    controllers.reconcile()
    assert store.get("namespaces", "", NAMESPACE) is None


def test_endpoints_follow_readiness_and_deletion(store: Store, controllers: Controllers) -> None:
    service(store)
    running_pod(store, "one", "127.0.0.2")
    running_pod(store, "two", "127.0.0.3", ready=False)
    controllers.reconcile()
    assert endpoints(store) == {"127.0.0.2": (True, 8601), "127.0.0.3": (False, 8601)}
    store.delete("pods", NAMESPACE, "one")
    controllers.reconcile()
    assert endpoints(store)["127.0.0.2"] == (False, 8601)
    store.remove("pods", NAMESPACE, "one")
    controllers.reconcile()
    assert set(endpoints(store)) == {"127.0.0.3"}


def test_endpoints_carry_the_ports_in_force(store: Store, controllers: Controllers) -> None:
    service(store)
    running_pod(store, "one", "127.0.0.2")
    running_pod(store, "two", "127.0.0.2", annotations={"mlops-lab/ports": json.dumps({"8601": 40001})})
    controllers.reconcile()
    parts = store.list("endpointslices")
    assert sorted(part["ports"][0]["port"] for part in parts) == [8601, 40001]
    assert all(part["metadata"]["labels"]["kubernetes.io/service-name"] == "web" for part in parts)
    store.delete("services", NAMESPACE, "web")
    controllers.reconcile()
    assert not store.list("endpointslices")
