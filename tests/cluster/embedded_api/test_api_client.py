"""The official Python client against the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client, config, watch
from tests_embedded_api_calls import run_pod

from lab.cluster.embedded.store import Obj


@pytest.fixture
def api(served: Any) -> Iterator[client.ApiClient]:
    settings = client.Configuration()
    config.load_kube_config(str(served.kubeconfig), client_configuration=settings)
    settings.proxy = None
    made = client.ApiClient(settings)
    yield made
    made.rest_client.pool_manager.clear()


def test_deployments_round_trip(api: client.ApiClient, make_deployment: Callable[..., Obj]) -> None:
    apps = client.AppsV1Api(api)
    made = apps.create_namespaced_deployment("default", make_deployment())
    assert made.spec.strategy.rolling_update.max_surge == "25%"
    made.spec.replicas = 3
    apps.replace_namespaced_deployment("web", "default", made)
    with pytest.raises(client.ApiException) as conflict:
        apps.replace_namespaced_deployment("web", "default", made)
    assert conflict.value.status == 409
    assert apps.patch_namespaced_deployment("web", "default", {"spec": {"replicas": 4}}).spec.replicas == 4
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
    assert apps.patch_namespaced_deployment("web", "default", operations).spec.replicas == 5
    assert apps.patch_namespaced_deployment_scale("web", "default", {"spec": {"replicas": 1}}).spec.replicas == 1
    assert apps.read_namespaced_deployment_scale("web", "default").status.selector == "app=web"
    assert [item.metadata.name for item in apps.list_deployment_for_all_namespaces().items] == ["web"]
    apps.delete_namespaced_deployment("web", "default")
    assert apps.list_namespaced_deployment("default").items == []


def test_core_objects_are_valid_to_the_models(api: client.ApiClient, served: Any) -> None:
    core = client.CoreV1Api(api)
    ports = [client.V1ServicePort(port=8600, name="http")]
    meta = client.V1ObjectMeta(name="web")
    made = core.create_namespaced_service(
        "default", client.V1Service(metadata=meta, spec=client.V1ServiceSpec(ports=ports))
    )
    assert made.spec.cluster_ip.startswith("127.9.9.")
    run_pod(served, logs={0: ["hello"]})
    assert core.list_namespaced_pod("default").items[0].status.container_statuses[0].ready
    assert core.read_namespaced_pod_log("p", "default") == "hello\n"
    secret = core.create_namespaced_secret("default", client.V1Secret(metadata=meta, string_data={"a": "b"}))
    assert secret.data == {"a": "Yg=="}
    assert "default" in [item.metadata.name for item in core.list_namespace().items]
    assert core.delete_namespaced_service("web", "default").metadata.name == "web"
    assert core.delete_namespaced_pod("p", "default").metadata.name == "p"


def test_watching_and_following(api: client.ApiClient, served: Any) -> None:
    core = client.CoreV1Api(api)
    run_pod(served, logs={0: ["one"]})
    seen = []
    for event in watch.Watch().stream(core.list_namespaced_pod, "default", timeout_seconds=20):
        seen.append(event["type"])
        if event["type"] == "ADDED":
            core.delete_namespaced_pod("p", "default")
        else:
            break
    assert seen == ["ADDED", "DELETED"]


def test_logs_are_followed_until_the_pod_is_gone(api: client.ApiClient, served: Any) -> None:
    core = client.CoreV1Api(api)
    run_pod(served, logs={0: ["one"]})
    stream = core.read_namespaced_pod_log("p", "default", follow=True, _preload_content=False)
    assert stream.readline() == b"one\n"
    core.delete_namespaced_pod("p", "default")
    assert stream.read() == b""
    stream.release_conn()


def test_the_version_is_told(api: client.ApiClient) -> None:
    assert client.VersionApi(api).get_code().git_version.startswith("v1.")
