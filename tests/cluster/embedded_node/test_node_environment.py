"""Words and variables of containers: expansion, Services, fields and mount paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from embedded_node_bench import NAMESPACE, new_store, pod_manifest

from lab.cluster.embedded.defaults import quality_class
from lab.cluster.embedded.images import LocalImage
from lab.cluster.embedded.kubelet.environment import ConfigError, PodFacts, container_command, expand, field_value
from lab.cluster.embedded.kubelet.mounts import PodVolumes
from lab.cluster.embedded.kubelet.volumes import MountMap, write_files
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj

IMAGE = LocalImage("web:1", ("/bin/web",), {"RELEASE_FILE": "/srv/release.yaml", "PATH": "/image/bin"})
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("--host=$(IP):$(PORT)", "--host=10.0.0.1:80"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(IP)", "$(IP)"),
        ("$$$(IP)", "$10.0.0.1"),
        ("$IP $(", "$IP $("),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    assert expand(text, {"IP": "10.0.0.1", "PORT": "80"}) == expanded


def test_mount_paths_are_replaced_at_word_starts_only() -> None:
    mounts = MountMap(Path("/pods/p"), ["/etc/conf", "/etc/conf/deep", "/"])
    assert mounts.translate("/etc/conf/a --file=/etc/conf/b") == "/pods/p/etc/conf/a --file=/pods/p/etc/conf/b"
    assert mounts.translate("/etc/conf/deep/x") == "/pods/p/etc/conf/deep/x"
    for left_alone in ("/etc/config", "/other/etc/conf", "/etc/conf.d", "x/etc/conf"):
        assert mounts.translate(left_alone) == left_alone


def facts(pod: Obj, folder: Path, replaced: dict[int, int] | None = None) -> PodFacts:
    meta = {**pod["metadata"], "uid": "u-1", "annotations": {"team": "red"}}
    return PodFacts({**pod, "metadata": meta}, "127.0.0.9", replaced or {}, folder)


def test_command_env_and_mounts_together(tmp_path: Path, settings: NodeSettings) -> None:
    store = new_store()
    ports = [{"name": "http", "port": 80}, {"name": "admin", "port": 81}]
    meta = {"name": "model-server", "namespace": NAMESPACE, "annotations": {"mlops-lab/ports": '{"80": 9}'}}
    store.create("services", {"metadata": meta, "spec": {"clusterIP": "127.0.0.7", "ports": ports}})
    store.create("secrets", {"metadata": {"name": "s", "namespace": NAMESPACE}, "data": {"KEY": "dmFsdWU="}})
    container: Obj = {
        "args": ["--upstream=http://$(MODEL_SERVER_SERVICE_HOST):$(MODEL_SERVER_SERVICE_PORT)", "--port=$(PORT)"],
        "ports": [{"containerPort": 8600}],
        "env": [
            {"name": "PORT", "value": "8600"},
            {"name": "SERVICEACCOUNT_DIR", "value": ACCOUNT},
            {"name": "TEAM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['team']"}}},
        ],
        "envFrom": [{"prefix": "S_", "secretRef": {"name": "s"}}],
        "volumeMounts": [{"name": "all", "mountPath": "/etc/all"}, {"name": "scratch", "mountPath": "/scratch"}],
    }
    projected = {"sources": [{"secret": {"name": "s", "items": [{"key": "KEY", "path": "deep/key"}]}}]}
    volumes = [{"name": "all", "projected": projected}, {"name": "scratch", "emptyDir": {}}]
    pod = pod_manifest("web", container, volumes=volumes)
    known = facts(pod, tmp_path, {8600: 4000})
    main = pod["spec"]["containers"][0]
    mounts = PodVolumes(store, settings).prepare(known, main)
    command = container_command(known, main, IMAGE, mounts, store, settings, host_path="/host/bin")
    assert command.argv == ("/bin/web", "--upstream=http://127.0.0.7:9", "--port=4000")
    env = command.env
    assert env["PATH"] == "/image/bin"
    assert env["RELEASE_FILE"] == "/srv/release.yaml"
    assert (env["S_KEY"], env["TEAM"]) == ("value", "red")
    assert env["MODEL_SERVER_SERVICE_PORT_ADMIN"] == "81"
    assert env["KUBERNETES_SERVICE_HOST"] == settings.api_host
    account = Path(env["SERVICEACCOUNT_DIR"])
    assert account == tmp_path / ACCOUNT.lstrip("/")
    assert (account / "token").read_text() == settings.token
    assert (account / "namespace").read_text() == NAMESPACE
    assert (account / "ca.crt").read_text() == "certificate"
    assert (tmp_path / "etc/all/deep/key").read_text() == "value"
    assert (tmp_path / "scratch").is_dir()


def test_fields_of_the_pod(tmp_path: Path) -> None:
    known = facts(pod_manifest("web", {}, nodeName="here"), tmp_path)
    paths = ["metadata.name", "metadata.namespace", "metadata.labels['app']", "status.podIP", "spec.nodeName"]
    assert [field_value(known, path) for path in paths] == ["web", NAMESPACE, "web", "127.0.0.9", "here"]
    with pytest.raises(ConfigError):
        field_value(known, "spec.nothing")


def test_written_files_are_exactly_the_given_ones(tmp_path: Path) -> None:
    assert write_files(tmp_path / "v", {"a": b"1", "deep/b": b"2"})
    assert not write_files(tmp_path / "v", {"a": b"1", "deep/b": b"2"})
    assert write_files(tmp_path / "v", {"a": b"3"})
    assert [path.name for path in (tmp_path / "v").iterdir()] == ["a"]


def test_quality_of_service() -> None:
    def quality(resources: Obj) -> str:
        return quality_class({"containers": [{"resources": resources}]})

    both = {"cpu": "1", "memory": "1Gi"}
    assert quality({}) == "BestEffort"
    assert quality({"limits": both}) == "Guaranteed"
    assert quality({"limits": both, "requests": {"cpu": "500m"}}) == "Burstable"
    assert quality({"limits": {"memory": "1Gi"}}) == "Burstable"
