"""The incident on a real Kubernetes: the same verdicts as on the embedded cluster, with no more rights than needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from engineboxes import KIND_CLUSTER, Box, kubectl, rest, run

from lab.cluster.furniture import furniture_objects
from lab.cluster.permissions import needs

pytestmark = [pytest.mark.kind, pytest.mark.timeout(900)]

SLUG = "hangs-now-and-then"
ACCESS = Path("stack/platform/real/access.yaml").resolve()
GUEST = "team-guest"
REGISTRY = "registry.example:5000/team"
LACKING = ("apps", "deployments", "patch")
SHIPPED = [path for path in Path("stack/platform/manifests").glob("*.yaml") if "mlops-lab/" in path.read_text()]
"""Manifests of components that are the lab's own."""


def demo(box: Box, *argv: str) -> Any:
    done = box.lab("demo", SLUG, "--on", box.on, "--json", *argv, timeout=600)
    assert done.out, done.err
    return done.json


def test_undo_passes_on_kind(holder: Box) -> None:
    report = demo(holder)
    assert report["verdict"] == "pass", report
    assert report["failed"] == []
    assert holder.status()["on"] == "kind"


@pytest.mark.parametrize(("play", "by"), [("nothing", "good_share"), ("scale_to_zero", "serving")])
def test_wrong_plays_fail_on_kind_by_what_they_did_wrong(holder: Box, play: str, by: str) -> None:
    report = demo(holder, "--as", play)
    assert report["verdict"] == "fail"
    assert by in report["failed"]


@dataclass(frozen=True, slots=True)
class Guest:
    """A user who may do in one namespace what a Role says, and nothing elsewhere."""

    admin: str
    box: Box

    def grant(self, *, less: tuple[str, str, str] | None) -> None:
        """The Role with every rule that the lab needs, less one verb on one resource."""
        roles = [item for item in furniture_objects(GUEST, ACCESS) if item["kind"] in ("Role", "RoleBinding")]
        rules = [
            {"apiGroups": [need.group], "resources": [need.resource], "verbs": [need.verb]}
            for need in needs(roles, own_namespace=False)
            if (need.group, need.resource, need.verb) != less
        ]
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "guest", "namespace": GUEST},
            "rules": rules,
        }
        kubectl(self.admin, "apply", "-f", "-", text=json.dumps(role))

    def objects(self) -> list[str]:
        kinds = "deployments,services,configmaps,secrets,serviceaccounts,roles,rolebindings,pods"
        return kubectl(self.admin, "--namespace", GUEST, "get", kinds, "--output", "name").split()


def retagged(box: Box) -> list[str]:
    """Every image of ours under the registry's name as well, here and in the nodes, as if it had been pushed."""
    listed = box.lab("images", "--build", "--json").json
    for name, pulled_as in zip(listed["images"], listed["pulled_as"], strict=True):
        run("docker", "tag", name, pulled_as)
    run("kind", "load", "docker-image", "--name", KIND_CLUSTER, *listed["pulled_as"])
    return [str(name) for name in listed["pulled_as"]]


def logging_in_by(program: Path, token: str) -> dict[str, Any]:
    """A user whose credentials come from a program, as with the clouds."""
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    }
    program.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    program.chmod(0o700)
    call = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(program),
        "interactiveMode": "Never",
        "env": None,
    }
    return {"name": "guest", "user": {"exec": call}}


@pytest.fixture(scope="module")
def guest(holder: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A service account that logs in by a program; its namespace was made for it, its images are of a registry."""
    rest(holder)
    admin = str(holder.status()["kubeconfig"])
    kubectl(admin, "create", "namespace", GUEST)
    kubectl(admin, "--namespace", "default", "create", "serviceaccount", "guest")
    kubectl(
        admin, "--namespace", GUEST, "create", "rolebinding", "guest", "--role=guest", "--serviceaccount=default:guest"
    )
    token = kubectl(admin, "--namespace", "default", "create", "token", "guest", "--duration=2h").strip()
    folder = tmp_path_factory.mktemp("guest")
    config = yaml.safe_load(kubectl(admin, "config", "view", "--raw", "--minify"))
    config["users"] = [logging_in_by(folder / "cloud-login", token)]
    config["contexts"] = [{"name": "work", "context": {"cluster": config["clusters"][0]["name"], "user": "guest"}}]
    (folder / "user.yaml").write_text(yaml.safe_dump(config))
    box = Box(folder, holder.cache, "context:work", {"KUBECONFIG": str(folder / "user.yaml")})
    settings = Path(box.environ["LAB_HOME"], "config", "config.toml")
    settings.parent.mkdir(parents=True)
    settings.write_text(f'namespace = "{GUEST}"\nimages = "{REGISTRY}"\n')
    tags = retagged(box)
    try:
        yield Guest(admin, box)
    finally:
        box.lab("down")
        run("docker", "rmi", *tags)
    assert box.processes() == []
    kubectl(admin, "delete", "namespace", GUEST)


def test_one_missing_permission_is_named_and_nothing_is_made(guest: Guest) -> None:
    guest.grant(less=LACKING)
    before = guest.objects()
    done = guest.box.lab("up", "--on", guest.box.on, "--json")
    assert done.code == 3
    error = done.json["error"]
    assert "patch deployments.apps" in error["message"]
    assert 'apiGroups: ["apps"], resources: ["deployments"], verbs: ["patch"]' in error["next_step"]
    assert "--serviceaccount=default:guest" in error["next_step"]
    assert guest.objects() == before
    assert guest.box.status()["on"] == "embedded"
    assert guest.box.lab("doctor", "--on", guest.box.on).code == 3


def test_with_it_the_demo_passes_in_a_namespace_that_stays(guest: Guest) -> None:
    guest.grant(less=None)
    before = guest.objects()
    report = demo(guest.box)
    assert report["verdict"] == "pass", report
    images = kubectl(guest.admin, "--namespace", GUEST, "get", "deployments", "--output", "jsonpath={..image}").split()
    assert len([image for image in images if image.startswith(f"{REGISTRY}/mlops-lab/")]) == len(SHIPPED)
    assert guest.box.lab("down").code == 0
    assert guest.objects() == before
