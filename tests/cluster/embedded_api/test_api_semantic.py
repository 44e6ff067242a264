"""Defaults, rules and admission."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.cluster.embedded.defaults import Admission, fill, quality_class
from lab.cluster.embedded.kinds import BY_RESOURCE
from lab.cluster.embedded.semantic import check_changed, check_new
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.status import Invalid, StatusError
from lab.cluster.embedded.store import Obj, Store

DEPLOYMENTS, SERVICES = BY_RESOURCE["deployments"], BY_RESOURCE["services"]
Make = Callable[..., Obj]


def filled(obj: Obj) -> Obj:
    fill(DEPLOYMENTS, obj)
    return obj


def fields_at_fault(obj: Obj) -> list[str]:
    with pytest.raises(Invalid) as refused:
        check_new(DEPLOYMENTS, obj)
    return [cause.field for cause in refused.value.causes]


def container(obj: Obj) -> dict[str, Any]:
    found: dict[str, Any] = obj["spec"]["template"]["spec"]["containers"][0]
    return found


def test_defaults_are_those_of_kubernetes(make_deployment: Make) -> None:
    obj = make_deployment()
    del obj["spec"]["replicas"]
    container(obj)["readinessProbe"] = {"httpGet": {"port": "http"}}
    spec = filled(obj)["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 30
    assert container(obj)["imagePullPolicy"] == "IfNotPresent"
    assert container(obj)["readinessProbe"] == {
        "httpGet": {"port": "http", "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    again = copy.deepcopy(obj)
    assert filled(again) == obj


def test_secrets_take_plain_text_and_images_without_tag_are_always_pulled(make_deployment: Make) -> None:
    secret: Obj = {"metadata": {"name": "s"}, "stringData": {"k": "v"}}
    fill(BY_RESOURCE["secrets"], secret)
    assert secret["data"] == {"k": base64.b64encode(b"v").decode()}
    assert secret["type"] == "Opaque"
    assert "stringData" not in secret
    obj = make_deployment()
    container(obj)["image"] = "host:5000/web"
    assert container(filled(obj))["imagePullPolicy"] == "Always"


def test_a_good_deployment_passes(make_deployment: Make) -> None:
    check_new(DEPLOYMENTS, filled(make_deployment()))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"replicas": -1}, "spec.replicas"),
        ({"selector": {"matchLabels": {"app": "other"}}}, "spec.template.metadata.labels"),
        ({"strategy": {"type": "Foo"}}, "spec.strategy.type"),
        (
            {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
            "spec.strategy.rollingUpdate.maxUnavailable",
        ),
        ({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}, "spec.strategy.rollingUpdate"),
        ({"minReadySeconds": 700}, "spec.progressDeadlineSeconds"),
    ],
)
def test_broken_rules_of_workloads(make_deployment: Make, change: dict[str, Any], field: str) -> None:
    assert fields_at_fault(filled(make_deployment(**change))) == [field]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"image": ""}, "image"),
        ({"name": "Bad_Name"}, "name"),
        ({"env": [{"name": "1 2", "value": "x"}]}, "env[0].name"),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.x"}}}]}, "env[0].valueFrom.fieldRef.f"),
        ({"ports": [{"containerPort": 70000}]}, "ports[0].containerPort"),
        ({"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]}, "ports[1].name"),
        ({"volumeMounts": [{"name": "none", "mountPath": "/x"}]}, "volumeMounts[0].name"),
        ({"readinessProbe": {}}, "readinessProbe"),
        ({"livenessProbe": {"tcpSocket": {"port": "none"}}}, "livenessProbe.tcpSocket.port"),
        ({"livenessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}}, "livenessProbe.successThreshold"),
        ({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}, "resources.requests"),
        ({"resources": {"limits": {"nvidia.com/gpu": "500m"}}}, "resources.limits[nvidia.com/gpu]"),
        ({"resources": {"requests": {"nvidia.com/gpu": "1"}}}, "resources.limits"),
        ({"resources": {"requests": {"a.b/c": "1"}, "limits": {"a.b/c": "2"}}}, "resources.requests"),
        ({"resources": {"limits": {"gpu": "1"}}}, "resources.limits[gpu]"),
        ({"imagePullPolicy": "Sometimes"}, "imagePullPolicy"),
    ],
)
def test_broken_rules_of_containers(make_deployment: Make, change: dict[str, Any], field: str) -> None:
    obj = make_deployment()
    container(obj).update(change)
    found = fields_at_fault(filled(obj))
    assert len(found) == 1
    assert found[0].startswith(f"spec.template.spec.containers[0].{field}")


def test_all_faults_come_at_once_with_one_text(make_deployment: Make) -> None:
    obj = filled(make_deployment(replicas=-1))
    obj["metadata"]["name"] = "Bad_Name"
    with pytest.raises(Invalid) as refused:
        check_new(DEPLOYMENTS, obj)
    assert len(refused.value.causes) == 2
    assert refused.value.message.startswith('Deployment.apps "Bad_Name" is invalid: [metadata.name: Invalid value:')
    assert refused.value.document()["details"]["causes"][1]["field"] == "spec.replicas"


def test_what_may_never_change(make_deployment: Make) -> None:
    old = filled(make_deployment())
    new = copy.deepcopy(old)
    new["spec"]["selector"] = {"matchLabels": {"app": "b"}}
    with pytest.raises(Invalid, match=r"spec\.selector: .*field is immutable"):
        check_changed(DEPLOYMENTS, old, new)
    pod: Obj = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "a"}]}}
    same = {**pod, "spec": {"containers": [{"name": "c", "image": "b"}]}}
    check_changed(BY_RESOURCE["pods"], pod, same)
    other = {**pod, "spec": {"containers": [{"name": "c", "image": "a", "args": ["x"]}]}}
    with pytest.raises(Invalid, match="pod updates may not change fields other than"):
        check_changed(BY_RESOURCE["pods"], pod, other)
    frozen = {"metadata": {"name": "c"}, "immutable": True, "data": {"a": "1"}}
    with pytest.raises(Invalid, match="immutable"):
        check_changed(BY_RESOURCE["configmaps"], frozen, {**frozen, "data": {"a": "2"}})


@pytest.mark.parametrize("prefix", ["127.9.9.", "127.0.0.1"])
def test_services_get_addresses_of_their_own(tmp_path: Path, prefix: str) -> None:
    settings = NodeSettings(tmp_path, prefix, prefix, "127.0.0.1", 1, "t", tmp_path / "ca.crt")
    store = Store()
    taken = lambda: {s["spec"]["clusterIP"] for s in store.list("services")}  # noqa: E731
    store.admit = Admission(settings, taken, lambda namespace, name: False)
    store.create("namespaces", {"metadata": {"name": "ns"}})
    spec = {"ports": [{"port": 8600}]}
    made = [
        store.create("services", {"metadata": {"name": f"s{n}", "namespace": "ns"}, "spec": spec}) for n in range(9)
    ]
    addresses = {service["spec"]["clusterIP"] for service in made}
    assert len(addresses) == (1 if settings.single_address else 9)
    assert all(address.startswith(prefix) for address in addresses)
    if not settings.single_address:
        with pytest.raises(Invalid, match="failed to allocate IP"):
            store.create(
                "services",
                {"metadata": {"name": "x", "namespace": "ns"}, "spec": {**spec, "clusterIP": min(addresses)}},
            )
        store.delete("services", "ns", "s3")
        back = store.create("services", {"metadata": {"name": "s3", "namespace": "ns"}, "spec": spec})
        assert back["spec"]["clusterIP"] == made[3]["spec"]["clusterIP"]


def test_pods_are_admitted_with_account_class_and_requests(tmp_path: Path) -> None:
    settings = NodeSettings(tmp_path, "127.9.8.", "127.9.9.", "127.0.0.1", 1, "t", tmp_path / "ca.crt")
    store = Store()
    store.admit = Admission(settings, set, lambda namespace, name: name == "known")
    store.create("namespaces", {"metadata": {"name": "ns"}})
    limits = {"limits": {"cpu": "1", "memory": "1Gi"}}
    spec = {"containers": [{"name": "c", "resources": limits}]}
    made = store.create("pods", {"metadata": {"name": "p", "namespace": "ns"}, "spec": spec})
    assert made["spec"]["serviceAccountName"] == "default"
    assert made["spec"]["containers"][0]["resources"]["requests"] == limits["limits"]
    assert made["status"] == {"phase": "Pending", "qosClass": "Guaranteed"}
    for name, there in (("known", True), ("unknown", False)):
        pod = {"metadata": {"name": name, "namespace": "ns"}, "spec": {**spec, "serviceAccountName": name}}
        if there:
            store.create("pods", pod)
        else:
            with pytest.raises(StatusError, match='serviceaccount "unknown" not found'):
                store.create("pods", pod)


def test_quality_classes() -> None:
    assert quality_class({"containers": [{}]}) == "BestEffort"
    assert quality_class({"containers": [{"resources": {"limits": {"memory": "1"}}}]}) == "Burstable"
