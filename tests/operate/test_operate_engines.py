"""Which engine a lab is on: asked for, remembered, refused; and what the choice does to the platform repo."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from lab.errors import SettingsError
from lab.operate.engines import Choice, Ground, Memory, accepted, choose, fresh_choice
from lab.operate.platform import PlatformRepo
from lab.paths import lab_places, places
from lab.settings import Settings

SOURCE = Path("stack/platform").resolve()
REMEMBERED = Choice("context:prod", "team-x")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return ground_of(tmp_path)


def ground_of(home: Path, settings: Settings | None = None) -> Ground:
    user = places({"LAB_HOME": str(home / "lab")}, home)
    config = home / ".kube" / "config"
    config.parent.mkdir(exist_ok=True)
    config.write_text(yaml.safe_dump({"contexts": [{"name": "prod"}, {"name": "staging"}]}))
    return Ground({}, home, user, lab_places(user, "lab-1"), SOURCE.parent, settings or Settings())


def test_without_a_word_it_is_embedded_or_what_the_settings_say(ground: Ground, tmp_path: Path) -> None:
    assert choose(ground, None, None).on == "embedded"
    assert choose(ground_of(tmp_path, Settings(on="kind")), None, None).on == "kind"


def test_a_lab_stays_where_it_is_whatever_the_settings_say_later(tmp_path: Path) -> None:
    ground = ground_of(tmp_path, Settings(on="kind", namespace="other"))
    assert choose(ground, None, REMEMBERED) == REMEMBERED
    assert choose(ground, "context:prod", REMEMBERED) == REMEMBERED


def test_another_engine_while_up_is_refused_with_the_way_out(ground: Ground) -> None:
    with pytest.raises(SettingsError) as refused:
        choose(ground, "embedded", REMEMBERED)
    assert refused.value.title == "This lab is on context:prod"
    assert "lab down" in refused.value.next_step
    assert "--lab NAME --on embedded" in refused.value.next_step


def test_an_embedded_cluster_that_is_gone_holds_nobody(ground: Ground) -> None:
    assert choose(ground, "context:staging", Choice("embedded", "team-x")).on == "context:staging"


@pytest.mark.parametrize("on", ["swarm", "context:nowhere", "context:", ""])
def test_what_is_not_there_lists_what_is(ground: Ground, on: str) -> None:
    with pytest.raises(SettingsError) as refused:
        choose(ground, on, None)
    assert all(name in refused.value.next_step for name in accepted(ground))
    assert accepted(ground) == ("embedded", "kind", "context:prod", "context:staging")


def test_namespaces_of_labs_in_the_same_folder_of_two_machines_differ(ground: Ground) -> None:
    first, second = (fresh_choice(ground, "context:prod").namespace for _ in range(2))
    assert first != second
    assert fresh_choice(ground, "kind") == fresh_choice(ground, "kind")


def test_a_namespace_and_a_registry_of_the_settings_are_for_contexts(tmp_path: Path) -> None:
    ground = ground_of(tmp_path, Settings(namespace="team-blue", images="registry.example/team"))
    assert fresh_choice(ground, "context:prod") == Choice("context:prod", "team-blue", False, "registry.example/team")
    assert fresh_choice(ground, "kind").own_namespace
    assert fresh_choice(ground, "kind").images == ""


def test_what_is_remembered_comes_back_until_it_is_forgotten(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "new" / "engine.json")
    assert memory.read() is None
    memory.write(REMEMBERED)
    assert Memory(tmp_path / "new" / "engine.json").read() == REMEMBERED
    memory.forget()
    memory.forget()
    assert memory.read() is None


@pytest.mark.parametrize("text", ["", "{", '{"on": 1', '{"unknown": 1}'])
def test_a_torn_memory_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "engine.json").write_text(text)
    assert Memory(tmp_path / "engine.json").read() is None


def test_a_repo_names_the_registry_and_its_verbs_keep_it(tmp_path: Path) -> None:
    repo = PlatformRepo(tmp_path / "repo", os.environ)
    repo.create(SOURCE, 1_760_000_000.0, images="registry.example:5000/team")
    assert "feed" in repo.components()
    before = repo.set_tag("feed", "9.9.9")
    assert repo.tag("feed") == "9.9.9" != before
    containers = [
        item["spec"]["template"]["spec"]["containers"][0] for item in repo.objects() if item["kind"] == "Deployment"
    ]
    assert not any("imagePullPolicy" in container for container in containers), "nodes may pull from it"
    images = [container["image"] for container in containers]
    assert "registry.example:5000/team/mlops-lab/feed:9.9.9" in images
    assert all("mlops-lab/" not in image or image.startswith("registry.example:5000/team/") for image in images)


def test_every_object_and_pod_of_the_platform_carries_the_label_of_the_lab(tmp_path: Path) -> None:
    repo = PlatformRepo(tmp_path / "repo", os.environ)
    repo.create(SOURCE, 1_760_000_000.0)
    label = ("app.kubernetes.io/part-of", "flight-risk")
    for item in repo.objects():
        assert label in item["metadata"]["labels"].items(), item["metadata"]["name"]
        if item["kind"] == "Deployment":
            assert label in item["spec"]["template"]["metadata"]["labels"].items(), item["metadata"]["name"]
