"""What a lab can have beside its stack: who may, what is applied, and that Grafana shows what there is to see."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest
import yaml

from lab.cluster.client import Cluster
from lab.content.promql import metric_names
from lab.content.telemetry import Telemetry, load_telemetry
from lab.errors import SettingsError
from lab.operate import baseline
from lab.operate.engines import Choice, Memory
from lab.operate.options import Option, await_option, read_option, remedy, require_options
from lab.paths import stack_root

STACK = stack_root()
DASHBOARDS = sorted((STACK / "dashboards").glob("*.json"))
PANELS = [(path.stem, panel) for path in DASHBOARDS for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]]
EXPRESSIONS = [
    pytest.param(target["expr"], id=f"{name}-{panel['id']}{target['refId']}")
    for name, panel in PANELS
    for target in panel["targets"]
]


@dataclass
class Live:
    """Deployments and pods as a cluster would list them."""

    deployments: list[Any] = field(default_factory=list)
    pods: list[Any] = field(default_factory=list)

    def list(self, kind: str, selector: str = "") -> list[Any]:
        return {"Deployment": self.deployments, "Pod": self.pods}[kind]

    @property
    def cluster(self) -> Cluster:
        made: Any = self
        return cast(Cluster, made)


def deployment(name: str, available: int, *, option: bool = False) -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": "option"} if option else {}
    status = {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1, "availableReplicas": available}
    metadata = {"name": name, "generation": 1, "labels": labels}
    return {"metadata": metadata, "spec": {"replicas": 1}, "status": status}


def waiting(reason: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": "option"}
    state = {"waiting": {"reason": reason}}
    return {"metadata": {"name": "grafana-1", "labels": labels}, "status": {"containerStatuses": [{"state": state}]}}


def grafana(environ: dict[str, str] | None = None) -> Option:
    return read_option(STACK, "grafana", environ or {})


def named(kind: str, name: str = "grafana") -> Any:
    return next(item for item in grafana().objects if (item["kind"], item["metadata"]["name"]) == (kind, name))


@pytest.fixture(scope="module")
def telemetry() -> Telemetry:
    return load_telemetry(STACK / "platform" / "telemetry.yaml")


def test_real_clusters_may_and_the_embedded_one_says_why_not() -> None:
    require_options("kind", ("grafana",))
    require_options("context:prod", ("grafana",))
    require_options("embedded", ())
    with pytest.raises(SettingsError) as refused:
        require_options("embedded", ("grafana",))
    assert "comes as an image" in refused.value.message
    assert "--on kind up --with grafana" in refused.value.next_step
    with pytest.raises(SettingsError, match="no such option") as unknown:
        require_options("kind", ("graphana",))
    assert "grafana" in unknown.value.next_step


def test_another_image_can_be_named() -> None:
    assert grafana().image == "grafana/grafana:11.6.0"
    own = grafana({"LAB_GRAFANA_IMAGE": "registry.example/grafana:1"})
    (deployed,) = [item for item in own.objects if item["kind"] == "Deployment"]
    assert deployed["spec"]["template"]["spec"]["containers"][0]["image"] == own.image == "registry.example/grafana:1"


def test_everything_of_it_is_marked_and_is_the_labs() -> None:
    kinds = [item["kind"] for item in grafana().objects]
    assert kinds == ["ConfigMap", "ConfigMap", "ConfigMap", "Service", "Deployment"]
    for item in grafana().objects:
        assert baseline.is_option(item)
        assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "flight-risk"


def test_its_pod_is_confined() -> None:
    spec = named("Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = {volume["name"] for volume in spec["volumes"] if "emptyDir" in volume}
    paths = {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in writable}
    assert paths == {"/var/lib/grafana", "/tmp"}


def test_every_mounted_configuration_is_there() -> None:
    spec = named("Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    maps = {v["name"]: named("ConfigMap", v["configMap"]["name"])["data"] for v in spec["volumes"] if "configMap" in v}
    environ = {item["name"]: item.get("value", "") for item in container["env"]}
    (source,) = yaml.safe_load(maps["datasources"]["prometheus.yaml"])["datasources"]
    assert source["url"] == "http://$PROMETHEUS"
    assert environ["PROMETHEUS"] == "$(PROMETHEUS_SERVICE_HOST):$(PROMETHEUS_SERVICE_PORT)"
    (provider,) = yaml.safe_load(maps["providers"]["dashboards.yaml"])["providers"]
    assert provider["options"]["path"] == mounted["dashboards"]
    for part, folder in (("datasources", "datasources"), ("providers", "dashboards")):
        assert mounted[part] == f"{environ['GF_PATHS_PROVISIONING']}/{folder}"
    home = environ["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.removeprefix(f"{mounted['dashboards']}/") in maps["dashboards"]
    assert {target["datasource"]["uid"] for _, panel in PANELS for target in panel["targets"]} == {source["uid"]}


def test_panels_do_not_overlap_and_say_what_they_show() -> None:
    cells: set[tuple[str, int, int]] = set()
    for name, panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        mine = {
            (name, x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not mine & cells
        cells |= mine
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
    assert len({(name, panel["id"]) for name, panel in PANELS}) == len(PANELS)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_panel_asks_for_what_is_declared(telemetry: Telemetry, expression: str) -> None:
    names = metric_names(expression)
    assert names
    assert [name for name in names if not telemetry.knows(name)] == []


def test_the_stack_is_ready_without_its_options() -> None:
    live = Live([deployment("feed", 1), deployment("grafana", 0, option=True)], [waiting("ImagePullBackOff")])
    baseline.await_ready(live.cluster, 5, lambda line: None, Event())
    assert [item["metadata"]["name"] for item in baseline.stack_deployments(live.cluster)] == ["feed"]


def test_an_image_that_cannot_be_had_gives_the_command_that_loads_it() -> None:
    said: list[str] = []
    live = Live([deployment("grafana", 0, option=True)], [waiting("ImagePullBackOff")])
    assert not await_option(live.cluster, grafana(), "kind", {}, said.append, Event())
    (line,) = said
    assert (
        "docker pull grafana/grafana:11.6.0 && kind load docker-image grafana/grafana:11.6.0 --name mlops-lab" in line
    )
    assert "--name other" in remedy(grafana(), "kind", {"LAB_KIND_CLUSTER": "other"})
    assert "LAB_GRAFANA_IMAGE=IMAGE lab up --with grafana" in remedy(grafana(), "context:prod", {})


def test_one_that_comes_up_is_said_and_one_that_dawdles_is_not_waited_for() -> None:
    said: list[str] = []
    assert await_option(Live([deployment("grafana", 1)]).cluster, grafana(), "kind", {}, said.append, Event())
    stopped = Event()
    stopped.set()
    assert not await_option(Live([deployment("grafana", 0)]).cluster, grafana(), "kind", {}, said.append, stopped)
    assert said[0] == "grafana is ready"
    assert "not up yet" in said[1]


def test_a_lab_remembers_its_options_and_reads_what_older_ones_wrote(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "engine.json")
    memory.write(Choice("kind", "team-x", options=("grafana",)))
    assert memory.read() == Choice("kind", "team-x", options=("grafana",))
    (tmp_path / "engine.json").write_text(json.dumps({"on": "kind", "namespace": "team-x"}))
    assert memory.read() == Choice("kind", "team-x")
