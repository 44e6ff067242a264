"""The platform repo: what a lab starts from, teammates' commits, reverts, and what applying it means."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lab.operate.platform import PlatformError, PlatformRepo, previous_tags
from lab.paths import stack_root

SOURCE = stack_root() / "platform"
NOW = 1_790_000_000.0


@pytest.fixture
def repo(tmp_path: Path) -> PlatformRepo:
    made = PlatformRepo(tmp_path / "platform", os.environ)
    made.create(SOURCE, NOW)
    return made


def test_history_starts_with_the_earlier_good_tags(repo: PlatformRepo) -> None:
    newest, oldest = repo.log()
    assert newest.at > oldest.at
    assert oldest.author == "Platform Team"
    diff = repo.show(newest.sha)
    for name, tag in previous_tags(SOURCE).items():
        assert f"-          image: mlops-lab/{name}:{tag}" in diff or f"mlops-lab/{name}:{tag}" in diff
        assert repo.tag(name) != tag


def test_services_and_config_come_before_deployments(repo: PlatformRepo) -> None:
    kinds = [item["kind"] for item in repo.objects()]
    assert kinds.index("Deployment") > max(index for index, kind in enumerate(kinds) if kind != "Deployment")
    rules = next(item for item in repo.objects() if item["metadata"]["name"] == "prometheus-rules")
    assert all(name.endswith(".yaml") for name in rules["data"])


def test_a_teammates_deploy_is_one_commit_that_touches_one_line(repo: PlatformRepo) -> None:
    (repo.folder / "scratch.txt").write_text("a learner's own file")
    before = repo.set_tag("model-server", "9.9.9")
    sha = repo.commit("Stricter input checks", by="priya", only=repo.manifest_of("model-server"))
    assert repo.log(1)[0].author == "Priya Raman"
    shown = repo.show(sha)
    assert f"mlops-lab/model-server:{before}" in shown
    assert "1 file changed, 1 insertion(+), 1 deletion(-)" in shown
    assert "scratch.txt" not in shown


def test_a_revert_brings_the_tag_back_and_keeps_history(repo: PlatformRepo) -> None:
    before = repo.set_tag("model-server", "9.9.9")
    sha = repo.commit("Stricter input checks", by="priya")
    repo.revert(sha)
    assert repo.tag("model-server") == before
    assert repo.contains(sha)


def test_a_commit_that_was_cut_off_is_no_longer_contained(repo: PlatformRepo) -> None:
    repo.set_tag("feed", "9.9.9")
    sha = repo.commit("Log fewer lines", by="tom")
    repo._git("reset", "--hard", "HEAD~1")
    assert not repo.contains(sha)


def test_restore_is_identity(repo: PlatformRepo, tmp_path: Path) -> None:
    template = tmp_path / "template"
    shutil.copytree(repo.folder, template, symlinks=True)
    head = repo.head()
    (repo.folder / "manifests" / "20-model-server.yaml").unlink()
    repo.commit("oops", by="you")
    repo.restore(template)
    assert repo.head() == head
    assert repo.tag("model-server")


def test_bad_paths_and_commits_are_refused_with_a_next_step(repo: PlatformRepo) -> None:
    for act in (lambda: repo.objects("../.."), lambda: repo.objects("nowhere"), lambda: repo.revert("0000000")):
        with pytest.raises(PlatformError) as caught:
            act()
        assert caught.value.next_step


def test_a_broken_manifest_is_named(repo: PlatformRepo) -> None:
    (repo.folder / "manifests" / "20-model-server.yaml").write_text("a: [")
    with pytest.raises(PlatformError, match=r"20-model-server\.yaml"):
        repo.objects()


def test_replicas_are_amended_as_if_they_had_always_been_so(repo: PlatformRepo) -> None:
    before, text = repo.log(), (repo.manifest_of("model-server")).read_text()
    repo.amend_replicas({"model-server": 3, "gateway": 0})
    counts = {
        item["metadata"]["name"]: item["spec"]["replicas"] for item in repo.objects() if item["kind"] == "Deployment"
    }
    assert (counts["model-server"], counts["gateway"], counts["feed"]) == (3, 0, 1)
    assert repo.manifest_of("model-server").read_text() == text.replace("replicas: 2", "replicas: 3")
    assert [(one.at, one.author, one.subject) for one in repo.log()] == [
        (one.at, one.author, one.subject) for one in before
    ]
