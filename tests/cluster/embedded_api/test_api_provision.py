"""The provisioner and its daemon: up, twice, down, from a fresh process, after a kill, and two labs side by side."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.cluster.client import Cluster
from lab.cluster.embedded.certs import ensure_credentials
from lab.cluster.embedded.daemon_record import read_record
from lab.cluster.embedded.images import LocalImage, lookup, write_catalogue
from lab.cluster.embedded.options import ClusterOptions, NodeSize
from lab.cluster.embedded.processes import note_spawned
from lab.cluster.embedded.provisioner import EmbeddedProvisioner
from lab.cluster.embedded.ranges import claim_ranges
from lab.cluster.embedded.store import utc_now
from lab.cluster.processes import spawn_detached, wait_until
from lab.cluster.provision import ImageSpec, Provisioner
from lab.errors import ClusterTimeout, ClusterUnavailable, NotFound

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX processes")


def provisioner(
    folder: Path, python: str = sys.executable, options: ClusterOptions | None = None
) -> EmbeddedProvisioner:
    stack, programs = folder / "stack", [folder / "bin"]
    return EmbeddedProvisioner(
        folder / "cluster", "lab-a", stack_root=stack, python=python, program_dirs=programs, options=options
    )


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    provisioner(tmp_path).down()


def quiet(_: str) -> None:
    pass


def test_up_twice_and_down_from_afresh(here: Path) -> None:
    said: list[str] = []
    first: Provisioner = provisioner(here)
    assert (first.is_up(), first.pids()) == (False, ())
    address = first.up(said.append)
    assert (address.engine, address.namespace) == ("embedded", "lab-a")
    assert stat.S_IMODE(address.kubeconfig.stat().st_mode) == 0o600
    pids = first.pids()
    assert said == ["starting the embedded cluster"]
    second = provisioner(here)
    assert second.up(said.append) == address
    assert (second.pids(), len(said)) == (pids, 1)
    assert second.is_up()
    with pytest.raises(NotFound, match="there is no Service web"):
        second.service_url("web")
    provisioner(here).down()
    assert (first.is_up(), first.pids()) == (False, ())
    assert not any(psutil.pid_exists(pid) for pid in pids)
    first.down()
    with pytest.raises(ClusterUnavailable):
        first.service_url("web")


def test_the_node_has_the_size_that_the_provisioner_was_given(here: Path) -> None:
    options = ClusterOptions(node=NodeSize(cpu="3", extended={"nvidia.com/gpu": 2}))
    address = provisioner(here, options=options).up(quiet)
    cluster = Cluster(address.kubeconfig, address.namespace)
    (node,) = cluster.list("Node")
    assert (node["status"]["allocatable"]["cpu"], node["status"]["allocatable"]["nvidia.com/gpu"]) == ("3", "2")
    assert node["status"]["nodeInfo"]["kubeletVersion"] == f"{cluster.version()}-embedded"


def test_the_port_stays_and_a_kill_leaves_nothing(here: Path) -> None:
    made = provisioner(here)
    made.up(quiet)
    record = read_record(here / "cluster")
    assert record is not None
    write_catalogue(
        here / "cluster", [LocalImage("lab/sleeper:1", ("/bin/sh", "-c", "sleep 300 & sleep 301; true"), {})]
    )
    container = {"name": "c", "image": "lab/sleeper:1"}
    body = {"metadata": {"name": "p"}, "spec": {"containers": [container]}}
    assert made._caller().call("POST", "/api/v1/namespaces/lab-a/pods", body)[0] == 201
    assert wait_until(lambda: len(made.pids()) >= 4, 20)
    os.kill(record.pid, signal.SIGKILL)
    assert wait_until(lambda: not made.is_up(), 10)
    left = made.pids()
    provisioner(here).down()
    assert made.pids() == ()
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in left)
    made.up(quiet)
    again = read_record(here / "cluster")
    assert again is not None
    assert again.port == record.port


def test_a_daemon_that_cannot_start_is_explained(here: Path) -> None:
    broken = here / "python"
    broken.write_text("#!/bin/sh\necho no such module >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(ClusterTimeout, match="no such module"):
        provisioner(here, str(broken)).up(quiet)


def test_images_of_components_and_programs(here: Path) -> None:
    made = provisioner(here)
    release = here / "2.0.yaml"
    made.load([ImageSpec("model-server", "2.0", release)])
    image = lookup(here / "cluster", "mlops-lab/model-server:2.0")
    assert image is not None
    assert image.entrypoint == (sys.executable, "-m", "stack.model_server")
    quiet_runtime = {"ORT_DISABLE_TELEMETRY": "1"}
    assert image.env == {"RELEASE_FILE": str(release), "PYTHONPATH": str(here), **quiet_runtime}
    made.up(quiet)
    for reference, program in (
        ("prom/prometheus:v2.53.3", "prometheus"),
        ("prom/alertmanager:v0.28.1", "alertmanager"),
    ):
        found = lookup(here / "cluster", reference)
        assert found is not None
        assert found.entrypoint == (program,)
        assert found.env["PATH"].startswith(f"{here / 'bin'}:")


def test_preflight_says_what_is_missing(tmp_path: Path) -> None:
    found = {finding.name: finding for finding in provisioner(tmp_path).preflight()}
    assert found["python"].ok
    assert not found["stack"].ok
    assert found["stack"].next_step


def test_two_clusters_never_share_addresses(tmp_path: Path) -> None:
    first = claim_ranges(tmp_path)
    other = claim_ranges(tmp_path)
    third = claim_ranges(tmp_path, platform="darwin")
    try:
        if first.lock is not None:
            assert len({first.pod_prefix, first.service_prefix, other.pod_prefix, other.service_prefix}) == 4
        assert (third.pod_prefix, third.service_prefix) == ("127.0.0.1", "127.0.0.1")
    finally:
        first.release()
        other.release()
    again = claim_ranges(tmp_path)
    again.release()
    assert again.pod_prefix == first.pod_prefix


def test_credentials_are_kept_and_private(tmp_path: Path) -> None:
    made = ensure_credentials(tmp_path, utc_now())
    assert ensure_credentials(tmp_path, utc_now()) == made
    for path in (made.key_file, tmp_path / "token"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made.ca_file.read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_a_daemon_that_has_not_told_of_itself_yet_is_ended_too(here: Path) -> None:
    state = here / "cluster"
    state.mkdir()
    script = "import time; time.sleep(300)"
    pid = spawn_detached([sys.executable, "-c", script], os.environ, state / "daemon.log")
    note_spawned(state, pid)
    provisioner(here).down()
    assert not psutil.pid_exists(pid)
