"""What becomes of the shared cluster in each state that it can be found in."""

from __future__ import annotations

import fcntl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.cluster.client import Cluster
from lab.cluster.furniture import lab_namespace
from lab.cluster.kinds import shared
from lab.cluster.kinds.lock import machine_folder, machine_lock
from lab.cluster.kinds.shared import WHOLE, SharedCluster
from lab.errors import ClusterError, ClusterUnavailable

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "kind-x",
    "contexts": [{"name": "kind-x", "context": {"cluster": "kind-x", "user": "kind-x"}}],
    "clusters": [{"name": "kind-x", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "kind-x", "user": {"token": "t"}}],
}


class Machine:
    """Docker, kind and the API of one cluster, as far as the shared cluster asks them; keeps what was done."""

    def __init__(self) -> None:
        self.cluster = "x"
        self.nodes = "absent"
        self.answers = True
        self.whole = True
        self.namespaces: list[dict[str, Any]] = [{"metadata": {"name": name}} for name in ("default", "kube-system")]
        self.done: list[str] = []

    def state(self) -> str:
        return self.nodes

    def start(self) -> None:
        self.done.append("start")
        self.nodes = "running"

    def apply(self, manifest: bytes) -> None:
        self.done.append("apply")

    @contextmanager
    def without_broken_metrics(self, manifest: bytes) -> Iterator[None]:
        yield

    def create(self, *arguments: Any) -> Any:
        if arguments[0] == "ConfigMap":
            self.whole = arguments[1]["metadata"]["name"] == WHOLE
            return None
        self.done.append("create")
        self.nodes, self.answers, self.whole = "running", True, False
        return None

    def delete(self) -> None:
        self.done.append("delete")
        self.nodes = "absent"

    def kubeconfig(self) -> str:
        if not self.answers:
            raise ClusterError("kind failed", "no control plane", "")
        return yaml.safe_dump(KUBECONFIG)

    def list(self, kind: str) -> list[dict[str, Any]]:
        return self.namespaces if kind == "Namespace" else []

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        return {"metadata": {"name": name}} if self.whole else None

    def add(self, name: str, *, ours: bool, going: bool = False) -> None:
        body = lab_namespace(name) if ours else {"metadata": {"name": name}}
        if going:
            body["metadata"]["deletionTimestamp"] = "now"
        self.namespaces.append(body)


@pytest.fixture
def found() -> Machine:
    return Machine()


@pytest.fixture
def subject(found: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SharedCluster:
    monkeypatch.setattr(shared, "ANSWER_SECONDS", 0)
    monkeypatch.setattr(shared, "START_SECONDS", 0)
    monkeypatch.setattr(SharedCluster, "_system", lambda self: found)
    return SharedCluster(found, found, tmp_path / "kubeconfig", {})  # type: ignore[arg-type]


def ensure(subject: SharedCluster) -> tuple[bool, list[str]]:
    said: list[str] = []
    return subject.ensure(Path("kind.yaml"), None, said.append), said


def test_the_first_lab_makes_it(subject: SharedCluster, found: Machine) -> None:
    assert ensure(subject)[0] is True
    assert found.done == ["create", "apply"]
    assert found.whole


def test_a_running_whole_one_is_used_as_it_is(subject: SharedCluster, found: Machine) -> None:
    found.nodes = "running"
    assert ensure(subject) == (False, [])
    assert found.done == []


def test_a_stopped_one_is_started(subject: SharedCluster, found: Machine) -> None:
    found.nodes = "stopped"
    assert ensure(subject)[0] is False
    assert found.done == ["start"]


@pytest.mark.parametrize("field", ["answers", "whole"])
def test_what_an_interrupted_start_left_is_made_anew(subject: SharedCluster, found: Machine, field: str) -> None:
    found.nodes = "running"
    setattr(found, field, False)
    made, said = ensure(subject)
    assert made
    assert found.done == ["delete", "create", "apply"]
    assert any("made anew" in line for line in said)


def test_somebody_elses_cluster_of_that_name_is_left_alone(subject: SharedCluster, found: Machine) -> None:
    found.nodes, found.whole = "running", False
    found.add("their-work", ours=False)
    with pytest.raises(ClusterError) as caught:
        ensure(subject)
    assert "their-work" in caught.value.message
    assert found.done == []


@pytest.mark.parametrize(
    ("others", "removed"),
    [
        ([], True),
        ([("team-b", True, False)], False),
        ([("team-b", True, True)], True),
        ([("their-work", False, False)], False),
    ],
)
def test_the_last_one_turns_off_the_light(
    subject: SharedCluster, found: Machine, others: list[tuple[str, bool, bool]], removed: bool
) -> None:
    found.nodes = "running"
    found.add("team-a", ours=True)
    for name, ours, going in others:
        found.add(name, ours=ours, going=going)
    left: list[str] = []
    subject.leave("team-a", lambda cluster: left.append(cluster.namespace))
    assert (found.done, left) == ((["delete"], []) if removed else ([], ["team-a"]))


def test_leaving_one_that_is_gone_or_broken(subject: SharedCluster, found: Machine) -> None:
    subject.leave("team-a", lambda cluster: None)
    assert found.done == []
    found.nodes, found.answers = "running", False
    subject.leave("team-a", lambda cluster: None)
    assert found.done == ["delete"]


def test_the_kubeconfig_names_the_labs_namespace_and_is_private(subject: SharedCluster, tmp_path: Path) -> None:
    assert subject.answers(0)
    target = tmp_path / "lab" / "kubeconfig"
    subject.write_kubeconfig(target, "team-a")
    (context,) = yaml.safe_load(target.read_text())["contexts"]
    assert context["context"]["namespace"] == "team-a"
    assert target.stat().st_mode & 0o77 == 0


def test_one_lab_at_a_time(tmp_path: Path) -> None:
    folder, inside, order = machine_folder({"TMPDIR": str(tmp_path)}), threading.Event(), []

    def second() -> None:
        with machine_lock(folder, "x", lambda line: inside.set()):
            order.append("second")

    with machine_lock(folder, "x", order.append):
        thread = threading.Thread(target=second)
        thread.start()
        assert inside.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_program_that_inherits_the_lock_keeps_it(tmp_path: Path) -> None:
    folder = machine_folder({"TMPDIR": str(tmp_path)})
    with machine_lock(folder, "x", print) as lock:
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(lock,))
    with (folder / "x.lock").open("a") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        child.communicate()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_credentials_that_change_on_disk_are_read_anew(
    tmp_path: Path, fake_api: Any, write_kubeconfig: Callable[..., Path]
) -> None:
    cluster = Cluster(write_kubeconfig(fake_api.address), "team-a")
    assert cluster.find("Pod", "x") is not None
    fake_api.token = "other"
    write_kubeconfig(fake_api.address, token="other")
    assert cluster.find("Pod", "x") is not None
    (tmp_path / "kubeconfig").unlink()
    with pytest.raises(ClusterUnavailable):
        cluster.find("Pod", "x")
