"""The canary verbs: what they commit, what they apply, and what they refuse."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from lab.errors import LabError, NotFound
from lab.operate import canary
from lab.operate.console import run_line
from lab.operate.lab import Lab
from lab.operate.platform import PlatformRepo
from lab.paths import stack_root

ROUTES = Path("gateway/routes.yaml")


class FakeCluster:
    """Objects by kind and name; a patch replaces."""

    namespace, scope = "team", ""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Any] = {}
        self.version = 0

    def find(self, kind: str, name: str) -> Any:
        return self.objects.get((kind, name))

    def create(self, kind: str, body: Any) -> Any:
        return self.patch(kind, body["metadata"]["name"], body, "")

    def patch(self, kind: str, name: str, body: Any, _: str) -> Any:
        self.version += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self.objects[kind, name] = body
        return body

    def delete(self, kind: str, name: str) -> None:
        del self.objects[kind, name]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "platform"
    PlatformRepo(folder, os.environ).create(stack_root() / "platform", 1_790_000_000.0)
    return folder


@pytest.fixture
def lab(tmp_path: Path, template: Path) -> Lab:
    repo = PlatformRepo(tmp_path / "platform", os.environ)
    repo.restore(template)
    return cast(Lab, SimpleNamespace(repo=repo, cluster=FakeCluster()))


def routes(lab: Lab) -> Any:
    return yaml.safe_load((lab.repo.folder / ROUTES).read_text())


def applied(lab: Lab) -> dict[tuple[str, str], Any]:
    return cast(FakeCluster, lab.cluster).objects


def test_nothing_of_a_canary_is_there_by_default(lab: Lab) -> None:
    assert not [item for item in lab.repo.objects() if "canary" in item["metadata"]["name"]]
    assert routes(lab)["routes"] == [{"service": "model-server", "weight": 100}]
    with pytest.raises(NotFound):
        canary.stop(lab)
    with pytest.raises(NotFound):
        canary.promote(lab)


def test_starting_commits_and_applies_the_canary_and_nothing_else(lab: Lab) -> None:
    lab.repo.set_tag("feed", "9.9.9")
    outcome = run_line(lab, "canary start --tag=2.3.4 --weight=20 --auto-rollback")
    assert outcome.changed
    assert "Send 20 % of requests to a canary of model-server: release 2.3.4" in lab.repo.log(1)[0].subject
    assert lab.repo.log(1)[0].author == "You"
    assert "9.9.9" not in lab.repo.show(lab.repo.head())
    assert set(applied(lab)) == {
        ("Service", "model-server-canary"), ("Deployment", "model-server-canary"), ("ConfigMap", "gateway-routes"),
    }  # fmt: skip
    assert routes(lab)["routes"][1] == {"service": "model-server-canary", "weight": 20}
    assert routes(lab)["rollback"]["enabled"] is True
    assert (lab.repo.folder / ROUTES).read_text().startswith("# Where the gateway sends")
    assert lab.repo.tag("model-server-canary") == "2.3.4"
    assert lab.repo.manifest_of("model-server").name == "20-model-server.yaml"
    again = run_line(lab, "canary start --tag=2.3.4 --weight=20 --auto-rollback")
    assert again.text.startswith("the platform repo says so already")
    run_line(lab, "canary start --tag=2.3.4 --weight=30")
    assert routes(lab)["routes"][0]["weight"] == 70
    assert routes(lab)["rollback"]["enabled"] is False


def test_promoting_rolls_the_release_out_and_ends_the_canary(lab: Lab) -> None:
    canary.start(lab, tag="2.3.4", alias=None, weight=10, auto_rollback=True)
    canary.promote(lab)
    assert lab.repo.tag("model-server") == "2.3.4"
    assert set(applied(lab)) == {
        ("Service", "model-server"), ("Deployment", "model-server"), ("ConfigMap", "gateway-routes"),
    }  # fmt: skip
    assert routes(lab)["routes"] == [{"service": "model-server", "weight": 100}]
    assert not (lab.repo.folder / "manifests" / "21-model-server-canary.yaml").exists()


def test_stopping_brings_everything_back(lab: Lab) -> None:
    before = (lab.repo.folder / ROUTES).read_text()
    canary.start(lab, tag=None, alias="challenger", weight=10, auto_rollback=False)
    environ = applied(lab)["Deployment", "model-server-canary"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "MODEL_ALIAS", "value": "challenger"} in environ
    canary.stop(lab)
    assert yaml.safe_load(before) == routes(lab)
    assert set(applied(lab)) == {("ConfigMap", "gateway-routes")}


def test_promoting_a_model_moves_the_alias_that_everybody_follows(lab: Lab) -> None:
    aliases = {"champion": "2", "challenger": "3"}
    registry = SimpleNamespace(
        state=lambda: SimpleNamespace(aliases=dict(aliases)),
        move_alias=lambda alias, version, who: aliases.update({alias: version}),
    )
    with_registry = cast(Lab, SimpleNamespace(repo=lab.repo, cluster=lab.cluster, registry=registry))
    canary.start(with_registry, tag=None, alias="challenger", weight=10, auto_rollback=False)
    outcome = canary.promote(with_registry)
    assert aliases == {"champion": "3", "challenger": "3"}
    assert "alias champion moved: version 2 -> 3" in outcome.text
    assert routes(lab)["routes"] == [{"service": "model-server", "weight": 100}]
    canary.start(with_registry, tag=None, alias="nobody", weight=10, auto_rollback=False)
    with pytest.raises(NotFound, match="no alias nobody"):
        canary.promote(with_registry)


@pytest.mark.parametrize(
    "line",
    [
        "canary start",
        "canary start --tag=2.3.4 --weight=0",
        "canary start --tag=2.3.4 --weight=100",
        "canary start --tag=2.3.4 --weight=x",
        "canary start --tags=2.3.4",
        "canary start --tag=2.3.4:x",
        "canary start --alias='a b'",
        "canary start 2.3.4",
        "canary stop now",
        "canary",
    ],
)
def test_what_cannot_be_done_is_refused_with_a_next_step(lab: Lab, line: str) -> None:
    with pytest.raises(LabError) as refused:
        run_line(lab, line)
    assert refused.value.next_step


def test_broken_routes_are_told_apart(lab: Lab) -> None:
    (lab.repo.folder / ROUTES).write_text("routes: 7")
    with pytest.raises(LabError, match=r"routes\.yaml"):
        canary.start(lab, tag="2.3.4", alias=None, weight=10, auto_rollback=False)
