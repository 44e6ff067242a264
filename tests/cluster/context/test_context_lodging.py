"""A lab in a cluster of somebody else: asked before, entered, left, and nobody else's things touched."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from contextboxes import TinyApi, kubeconfig, provisioner, write

from lab.cluster.apply import apply
from lab.cluster.client import Cluster
from lab.cluster.lodging import OURS
from lab.errors import ClusterError, ClusterUnavailable, MissingError

NS = "/api/v1/namespaces/team-blue"
LABELS = {"app.kubernetes.io/part-of": "flight-risk"}


def quiet(_: str) -> None:
    """Nobody listens."""


def put(api: TinyApi, path: str, labels: dict[str, str] | None = None) -> None:
    name = path.rpartition("/")[2]
    api.objects[path] = {"metadata": {"name": name, "labels": labels or {}, "resourceVersion": "1"}}


def test_up_makes_one_namespace_with_its_roles_and_down_leaves_nothing(
    api: TinyApi, source: Path, tmp_path: Path
) -> None:
    lab = provisioner(tmp_path, source)
    address = lab.up(quiet)
    assert (address.engine, address.namespace) == ("context:elsewhere", "team-blue")
    assert NS in api.objects
    assert "/apis/rbac.authorization.k8s.io/v1/namespaces/team-blue/roles/discovery" in api.objects
    assert lab.is_up()
    lab.down()
    assert NS not in api.objects
    assert not lab.is_up()
    assert lab.pids() == ()


def test_up_and_down_twice_from_fresh_processes(api: TinyApi, source: Path, tmp_path: Path) -> None:
    first = provisioner(tmp_path, source).up(quiet)
    assert provisioner(tmp_path, source).up(quiet) == first
    provisioner(tmp_path, source).down()
    provisioner(tmp_path, source).down()
    assert NS not in api.objects
    provisioner(tmp_path, source).up(quiet)
    assert NS in api.objects


def test_the_copy_is_private_and_the_users_file_stays_as_it_was(api: TinyApi, source: Path, tmp_path: Path) -> None:
    before = (source.read_bytes(), source.stat().st_mtime_ns)
    lab = provisioner(tmp_path, source)
    lab.up(quiet)
    copy = tmp_path / "kubeconfig"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    found = yaml.safe_load(copy.read_text())
    assert found["current-context"] == "elsewhere"
    assert found["contexts"][0]["context"]["namespace"] == "team-blue"
    lab.down()
    assert not copy.exists()
    assert (source.read_bytes(), source.stat().st_mtime_ns) == before
    assert sorted(path.name for path in source.parent.iterdir()) == ["config"]


@pytest.mark.parametrize(
    "lacking", ["create deployments", "get pods/proxy", "delete namespaces", "create rolebindings"]
)
def test_a_missing_permission_is_named_and_nothing_is_made(
    api: TinyApi, source: Path, tmp_path: Path, lacking: str
) -> None:
    api.denied.add(lacking)
    with pytest.raises(MissingError) as refused:
        provisioner(tmp_path, source).up(quiet)
    verb, resource = lacking.split()
    assert f"{verb} {resource}" in refused.value.message
    assert f'resources: ["{resource}"], verbs: ["{verb}"]' in refused.value.next_step
    assert "--user=ada" in refused.value.next_step
    assert api.objects == {}
    assert api.writes() == []
    assert not (tmp_path / "kubeconfig").exists()


def test_the_doctor_sees_the_same_and_changes_nothing(api: TinyApi, source: Path, tmp_path: Path) -> None:
    api.denied |= {"get pods/log", "list secrets"}
    findings = {finding.name: finding for finding in provisioner(tmp_path, source).preflight()}
    assert not findings["permissions"].ok
    assert "get pods/log" in findings["permissions"].found
    assert findings["cluster"].found == "v1.33.1"
    assert api.writes() == []
    assert not (tmp_path / "cluster").exists()


def test_a_context_that_is_not_there_lists_those_that_are(api: TinyApi, tmp_path: Path) -> None:
    other = write(tmp_path / "config", kubeconfig(api.url, name="prod"))
    with pytest.raises(MissingError) as refused:
        provisioner(tmp_path, other).up(quiet)
    assert "prod" in refused.value.next_step


def test_no_answer_and_refused_credentials_say_what_to_do(api: TinyApi, source: Path, tmp_path: Path) -> None:
    api.tokens = {"new"}
    with pytest.raises(MissingError) as refused:
        provisioner(tmp_path, source).up(quiet)
    assert "Renew your login" in refused.value.next_step
    silent = write(tmp_path / "silent", kubeconfig("http://127.0.0.1:9"))
    with pytest.raises(MissingError) as refused:
        provisioner(tmp_path, silent).up(quiet)
    assert "kubectl --context elsewhere version" in refused.value.next_step


def test_a_login_program_that_is_missing_is_named(api: TinyApi, tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "cloud-login-nowhere"}}
    source = write(tmp_path / "config", kubeconfig(api.url, user=user))
    with pytest.raises(MissingError) as refused:
        provisioner(tmp_path, source).up(quiet)
    assert refused.value.next_step == "Install cloud-login-nowhere."


def test_new_credentials_are_taken_over_by_the_next_up(api: TinyApi, source: Path, tmp_path: Path) -> None:
    lab = provisioner(tmp_path, source)
    lab.up(quiet)
    cluster = Cluster(tmp_path / "kubeconfig", "team-blue")
    api.tokens = {"renewed"}
    with pytest.raises(ClusterError, match="does not know you"):
        cluster.list("Deployment")
    write(source, kubeconfig(api.url, user={"token": "renewed"}))
    provisioner(tmp_path, source).up(quiet)
    assert cluster.list("Deployment") == []


def test_a_namespace_that_was_there_stays_with_all_that_is_not_ours(api: TinyApi, source: Path, tmp_path: Path) -> None:
    put(api, NS)
    theirs = ["/apis/apps/v1/namespaces/team-blue/deployments/shop", f"{NS}/configmaps/shop", f"{NS}/secrets/pull"]
    for path in theirs:
        put(api, path)
    lab = provisioner(tmp_path, source, own=False)
    lab.up(quiet)
    put(api, f"{NS}/configmaps/prometheus-rules", LABELS)
    put(api, "/apis/apps/v1/namespaces/team-blue/deployments/feed", LABELS)
    lab.down()
    assert sorted(api.objects) == sorted([NS, *theirs])


def test_pods_that_a_node_is_slow_to_let_go_of_do_not_hold_up_leaving(
    api: TinyApi, source: Path, tmp_path: Path
) -> None:
    put(api, NS)
    lab = provisioner(tmp_path, source, own=False)
    lab.up(quiet)
    for name, labels in (("feed-1", LABELS), ("shop-1", {})):
        put(api, f"{NS}/pods/{name}", labels)
        pod = api.objects[f"{NS}/pods/{name}"]
        pod["metadata"]["deletionTimestamp"] = "2026-10-01T10:00:00Z"
        pod["status"] = {"containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}
    lab.down()
    assert sorted(api.objects) == [NS, f"{NS}/pods/shop-1"]


def test_a_namespace_that_is_not_there_and_one_with_another_lab_are_refused(
    api: TinyApi, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(MissingError, match="there is no namespace team-blue"):
        provisioner(tmp_path, source, own=False).up(quiet)
    put(api, NS)
    provisioner(tmp_path / "one", source, own=False).up(quiet)
    with pytest.raises(MissingError, match="holds another lab"):
        provisioner(tmp_path / "two", source, own=False).up(quiet)
    provisioner(tmp_path / "two", source, own=False).down()
    assert f"{NS}/serviceaccounts/mlops-lab" in api.objects


def test_what_is_somebody_elses_is_not_taken_over(api: TinyApi, source: Path, tmp_path: Path) -> None:
    put(api, NS)
    put(api, f"{NS}/services/gateway")
    provisioner(tmp_path, source, own=False).up(quiet)
    cluster = Cluster(tmp_path / "kubeconfig", "team-blue", scope=OURS)
    wanted: dict[str, Any] = {"kind": "Service", "metadata": {"name": "gateway", "labels": LABELS}}
    with pytest.raises(ClusterError, match="not the lab's"):
        apply(cluster, wanted)
    assert cluster.list("Service") == []


def test_an_interrupted_down_is_finished_by_the_next(api: TinyApi, source: Path, tmp_path: Path) -> None:
    lab = provisioner(tmp_path, source)
    lab.up(quiet)
    tokens, api.tokens = api.tokens, set()
    with pytest.raises(ClusterError):
        lab.down()
    assert not lab.is_up()
    with pytest.raises(ClusterUnavailable):
        lab.service_url("gateway")
    api.tokens = tokens
    provisioner(tmp_path, source).down()
    assert NS not in api.objects
