"""A kind cluster of its own, from nothing to nothing: two labs on it, and a node that stops in between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

import stack
from lab.cluster.client import Cluster
from lab.cluster.images import connect
from lab.cluster.kind import KindProvisioner
from lab.cluster.processes import wait_until
from lab.cluster.provision import ImageSpec
from lab.errors import ClusterUnavailable, MissingError, NotFound

pytestmark = [pytest.mark.kind, pytest.mark.timeout(900)]

STACK = Path(stack.__file__).parent
CLUSTER = "mlops-lab-pytest"
NODE = f"{CLUSTER}-control-plane"


def silent(line: str) -> None:
    pass


@pytest.fixture(scope="module")
def client() -> Iterator[DockerClient]:
    if shutil.which("kind") is None:
        pytest.skip("there is no program kind on PATH")
    try:
        found = connect(os.environ)
    except MissingError as error:
        pytest.skip(error.message)
    yield found
    found.close()


@pytest.fixture
def environ(tmp_path: Path, client: DockerClient) -> Iterator[dict[str, str]]:
    """A home of its own, so that a stray write to the user's kubeconfig would show; nothing of the cluster stays."""
    yield {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "LAB_KIND_CLUSTER": CLUSTER}
    own = str(tmp_path / "cleaning")
    subprocess.run(
        ["kind", "delete", "cluster", "--name", CLUSTER, "--kubeconfig", own], capture_output=True, check=True
    )


def lab(folder: Path, namespace: str, environ: dict[str, str]) -> KindProvisioner:
    state = folder / namespace
    return KindProvisioner(
        state / "cluster", namespace, stack_root=STACK, kubeconfig=state / "kubeconfig", environ=environ
    )


class Traces:
    """The volumes that nodes of this test were seen with."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._volumes: set[str] = set()

    def note(self) -> None:
        """Look at the node that is there now."""
        mounts = self._client.containers.get(NODE).attrs["Mounts"]
        self._volumes |= {mount["Name"] for mount in mounts if mount["Type"] == "volume"}
        assert self._volumes

    def are_gone(self) -> bool:
        """Whether neither the node nor any of its volumes is left."""
        return not nodes(self._client) and not self._volumes & {one.name for one in self._client.volumes.list()}


def nodes(client: DockerClient) -> list[str]:
    return [item.name for item in client.containers.list(all=True, ignore_removed=True) if item.name == NODE]


def test_two_labs_share_a_cluster_and_the_last_one_removes_it(
    client: DockerClient, environ: dict[str, str], tmp_path: Path
) -> None:
    traces = Traces(client)
    one, two = lab(tmp_path, "team-one", environ), lab(tmp_path, "team-two", environ)
    assert (one.is_up(), one.pids()) == (False, ())
    with pytest.raises(ClusterUnavailable):
        one.service_url("gateway")
    release = tmp_path / "release.yaml"
    release.write_text("notes: As it was.\n")
    spec = ImageSpec("gateway", "0.0.0-kind", release)
    try:
        one.load([spec])
        address = one.up(silent)
        assert (address.engine, address.namespace, one.is_up()) == ("kind", "team-one", True)
        assert address.kubeconfig.stat().st_mode & 0o77 == 0
        _runs_only_unprivileged_pods(Cluster(address.kubeconfig, "team-one"), spec)
        _answers_again_after_a_kill(lab(tmp_path, "team-one", environ))
        traces.note()
        node = client.containers.get(NODE).id
        two.up(silent)
        assert client.containers.get(NODE).id == node
        lab(tmp_path, "team-one", environ).down()
        assert (one.is_up(), two.is_up(), one.pids()) == (False, True, ())
        one.down()
        assert nodes(client) == [NODE]
        client.containers.get(NODE).stop(timeout=5)
        assert not two.is_up()
        two.up(silent)
        assert (client.containers.get(NODE).id, two.is_up()) == (node, True)
    finally:
        lab(tmp_path, "team-two", environ).down()
        client.images.remove(spec.reference, force=True)
    assert traces.are_gone()
    assert not (tmp_path / ".kube").exists()
    assert not address.kubeconfig.exists()
    two.down()


def _runs_only_unprivileged_pods(cluster: Cluster, spec: ImageSpec) -> None:
    """The image that was loaded before the cluster was there starts without a pull; a privileged pod is refused."""
    restricted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "c", "image": spec.reference, "args": ["--host=0.0.0.0"], "imagePullPolicy": "Never"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", "labels": {"app": "one"}},
        "spec": {"containers": [{**container, "securityContext": restricted}]},
    }
    cluster.create("Pod", pod)
    assert wait_until(lambda: cluster.get("Pod", "one")["status"]["phase"] == "Running", 90)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "gateway"},
        "spec": {"selector": {"app": "one"}, "ports": [{"name": "http", "port": 80, "targetPort": 8600}]},
    }
    cluster.create("Service", service)
    with pytest.raises(Exception, match="violates PodSecurity"):
        cluster.create("Pod", {**pod, "metadata": {"name": "two"}, "spec": {"containers": [container]}})


def _answers_again_after_a_kill(fresh: KindProvisioner) -> None:
    from urllib.request import ProxyHandler, build_opener

    def livez() -> bool:
        try:
            with build_opener(ProxyHandler({})).open(f"{url}/livez", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    url = fresh.service_url("gateway")
    assert wait_until(livez, 60)
    os.kill(fresh.pids()[0], signal.SIGKILL)
    assert wait_until(lambda: fresh.pids() == (), 10)
    assert fresh.service_url("gateway") == url
    assert wait_until(livez, 20)
    with pytest.raises(NotFound):
        fresh.service_url("nothing")
