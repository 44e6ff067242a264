"""The platform repo: manifests that every Kubernetes takes, and the agreements that other parts rely on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from stack_flow_rig import ROOT

from stack.common.release import (
    BackgroundRelease,
    FeedRelease,
    Log,
    ModelServerRelease,
    RegistryRelease,
    ServingRelease,
    read_release,
)
from stack.gate.contract import contract_at
from stack.gateway.routes import parse_routes, single_route
from stack.gateway.settings import GatewaySettings, settings_from
from stack.monitor.baseline import load_baseline
from stack.registry.versions import resolve

PLATFORM = ROOT / "stack" / "platform"
PORTS = {
    "discovery": 8604, "registry": 8605, "model-server": 8601, "gateway": 8600, "feed": 8602, "billing": 8607,
    "monitor": 8603, "prometheus": 9090, "alertmanager": 9093,
}  # fmt: skip
OTHERS = {"prometheus", "alertmanager"}
"""Programs that are not ours: they ship no releases, and nobody scrapes them."""
REPLICAS = {**dict.fromkeys(PORTS, 1), "model-server": 2}
KINDS: dict[str, type[ServingRelease | BackgroundRelease]] = {
    "model-server": ModelServerRelease, "gateway": ServingRelease, "registry": RegistryRelease,
    "feed": FeedRelease,
}  # fmt: skip
DOCUMENTS: list[dict[str, Any]] = [
    document
    for path in sorted((PLATFORM / "manifests").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


def named(kind: str, name: str) -> dict[str, Any]:
    return next(item for item in DOCUMENTS if (item["kind"], item["metadata"]["name"]) == (kind, name))


def container(name: str) -> dict[str, Any]:
    found: dict[str, Any] = named("Deployment", name)["spec"]["template"]["spec"]["containers"][0]
    return found


def test_there_is_one_service_and_deployment_per_component_services_first() -> None:
    order = [(item["kind"], item["metadata"]["name"]) for item in DOCUMENTS]
    pairs = [(kind, name) for kind, name in order if kind != "ServiceAccount"]
    assert pairs == [(kind, name) for name in PORTS for kind in ("Service", "Deployment")]
    assert {kind for kind, _ in order} == {"ServiceAccount", "Service", "Deployment"}


@pytest.mark.parametrize("name", PORTS)
def test_names_labels_and_ports_agree(name: str) -> None:
    service, deployment = named("Service", name), named("Deployment", name)
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "flight-risk"}
    selector = {"app.kubernetes.io/name": name}
    template = deployment["spec"]["template"]
    assert service["metadata"]["labels"] == deployment["metadata"]["labels"] == template["metadata"]["labels"] == labels
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == selector
    assert service["spec"]["ports"] == [{"name": "http", "port": PORTS[name], "targetPort": "http"}]
    assert deployment["spec"]["replicas"] == REPLICAS[name]
    own = container(name)
    assert own["name"] == name
    assert own["ports"] == [{"name": "http", "containerPort": PORTS[name]}]
    environ = {item["name"]: item for item in own["env"]}
    assert environ["POD_IP"]["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}
    assert environ["PORT"]["value"] == str(PORTS[name])
    scraped = template["metadata"].get("annotations", {}).get("prometheus.io/scrape")
    assert scraped == (None if name in OTHERS else "true")


@pytest.mark.parametrize("name", PORTS)
def test_pods_are_confined_bounded_and_probed(name: str) -> None:
    spec, own = named("Deployment", name)["spec"]["template"]["spec"], container(name)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert own["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["terminationGracePeriodSeconds"] == 5
    assert own["resources"]["limits"]["memory"] == own["resources"]["requests"]["memory"]
    assert own["readinessProbe"]["periodSeconds"] == 1
    assert own["readinessProbe"]["httpGet"]["port"] == own["livenessProbe"]["httpGet"]["port"] == "http"
    assert own["livenessProbe"]["httpGet"]["path"] != own["readinessProbe"]["httpGet"]["path"]
    if name != "discovery":
        assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", PORTS)
def test_no_node_asks_a_public_registry_for_what_only_the_lab_builds(name: str) -> None:
    ours = container(name)["image"].startswith("mlops-lab/")
    assert container(name).get("imagePullPolicy") == ("Never" if ours else None)


def test_what_serves_is_replaced_without_a_gap_and_the_feed_never_runs_twice() -> None:
    for name in ("model-server", "gateway", "discovery"):
        strategy = named("Deployment", name)["spec"]["strategy"]
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    for name in ("feed", "billing", "monitor", "registry", *OTHERS):
        assert named("Deployment", name)["spec"]["strategy"] == {"type": "Recreate"}


def test_every_tag_has_a_release_that_its_component_takes() -> None:
    previous = yaml.safe_load((PLATFORM / "previous.yaml").read_text())
    assert set(previous) == set(PORTS) - OTHERS
    for name, tag in previous.items():
        repository, _, current = container(name)["image"].partition(":")
        assert repository == f"mlops-lab/{name}"
        assert current != tag
        for own in (current, tag):
            path = ROOT / "stack" / name.replace("-", "_") / "releases" / f"{own}.yaml"
            kind = KINDS.get(name, BackgroundRelease)
            release = read_release(path, kind, own)
            assert release.notes
            harmless = kind(tag=own, notes=release.notes)
            assert replace(release, log=Log()) == replace(harmless, log=Log())


def test_prometheus_takes_paths_from_its_environment_where_any_kubelet_can_replace_them() -> None:
    own = container("prometheus")
    script = own["command"][2]
    mounts = {mount["mountPath"] for mount in own["volumeMounts"]}
    values = {item["name"]: item["value"] for item in own["env"] if "value" in item}
    assert not any(mount in script for mount in mounts)
    for name in ("CONFIG_FILE", "RULES_DIR", "DATA_DIR"):
        assert any(values[name].startswith(mount) for mount in mounts)
        assert f"${name}" in script
    config = (PLATFORM / "prometheus" / "prometheus.yml").read_text()
    assert "@DISCOVERY@" in config
    assert "@RULES@" in config
    assert values["ALERTMANAGER"] == "$(ALERTMANAGER_SERVICE_HOST):$(ALERTMANAGER_SERVICE_PORT)"
    assert yaml.safe_load(config)["alerting"]["alertmanagers"] == [
        {"static_configs": [{"targets": ["@ALERTMANAGER@"]}]}
    ]
    scrape = yaml.safe_load(config)["global"]
    assert (scrape["scrape_interval"], scrape["evaluation_interval"]) == ("1s", "1s")


def test_the_gateway_mounts_routes_that_it_takes_and_a_canary_is_like_what_it_is_to_replace() -> None:
    values = {item["name"]: item["value"] for item in container("gateway")["env"] if "value" in item}
    assert values["ROUTES_FILE"] == f"{container('gateway')['volumeMounts'][0]['mountPath']}/routes.yaml"
    assert settings_from(values) == GatewaySettings()
    assert parse_routes((PLATFORM / "gateway" / "routes.yaml").read_text()) == single_route("model-server")
    option = (PLATFORM / "options" / "21-model-server-canary.yaml").read_text()
    service, deployment = yaml.safe_load_all(option.replace("model-server-canary", "model-server"))
    assert service == named("Service", "model-server")
    assert deployment["spec"].pop("replicas") == 1
    assert deployment["spec"] == {
        k: v for k, v in named("Deployment", "model-server")["spec"].items() if k != "replicas"
    }


def test_gateway_and_monitor_mount_the_contract_and_name_a_baseline_that_there_is() -> None:
    for name in ("gateway", "monitor"):
        values = {item["name"]: item["value"] for item in container(name)["env"] if "value" in item}
        mounts = [mount["mountPath"] for mount in container(name)["volumeMounts"] if mount["name"] == "contracts"]
        assert [values["CONTRACT_FILE"]] == [f"{mount}/flight-features.yaml" for mount in mounts]
    assert contract_at(PLATFORM / "contracts" / "flight-features.yaml").contract == "flight-features"
    baseline = load_baseline(values["BASELINE"])
    assert values["BASELINE_VERSION"] == resolve("champion").version
    assert baseline.of(values["BASELINE_VERSION"]).auc > 0.9


def test_alertmanager_takes_paths_from_its_environment_and_routes_within_seconds() -> None:
    own = container("alertmanager")
    mounts = {mount["mountPath"] for mount in own["volumeMounts"]}
    values = {item["name"]: item["value"] for item in own["env"] if "value" in item}
    assert not any(mount in argument for mount in mounts for argument in own["args"])
    assert all(any(values[name].startswith(mount) for mount in mounts) for name in ("CONFIG_FILE", "DATA_DIR"))
    assert "--cluster.listen-address=" in own["args"]
    config = yaml.safe_load((PLATFORM / "alertmanager" / "alertmanager.yml").read_text())
    assert Path(values["CONFIG_FILE"]).name == "alertmanager.yml"
    route = config["route"]
    assert route["group_by"] == ["alertname"]
    assert (route["group_wait"], route["group_interval"]) == ("1s", "5s")
    assert route["receiver"] in [receiver["name"] for receiver in config["receivers"]]


def test_the_role_for_real_clusters_reads_pods_and_nothing_else() -> None:
    role, binding = yaml.safe_load_all((PLATFORM / "real" / "access.yaml").read_text())
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    account = named("Deployment", "discovery")["spec"]["template"]["spec"]["serviceAccountName"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account}]
    assert named("ServiceAccount", account)
