"""kubectl against the API, where kubectl is on the PATH."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests_embedded_api_calls import run_pod

from lab.cluster.embedded.store import Obj

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not on the PATH")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def kubectl(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    cache = served.kubeconfig.parent / "kubecache"
    env = {**os.environ, "KUBECONFIG": str(served.kubeconfig), "KUBECACHEDIR": str(cache), "NO_PROXY": "127.0.0.1"}

    def run(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        argv = [KUBECTL or "", *words]
        return subprocess.run(argv, env=env, input=given, capture_output=True, text=True, timeout=60)

    return run


@pytest.fixture
def manifest(tmp_path: Path, make_deployment: Callable[..., Obj]) -> str:
    path = tmp_path / "web.json"
    path.write_text(json.dumps(make_deployment()))
    return str(path)


def test_apply_get_change_delete(kubectl: Run, manifest: str) -> None:
    assert kubectl("apply", "-f", manifest).stdout == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", manifest).stdout == "deployment.apps/web unchanged\n"
    assert kubectl("diff", "-f", manifest).returncode == 0
    shown = kubectl("get", "deploy", "-o", "wide").stdout.splitlines()
    assert shown[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    assert shown[1].split()[:4] == ["web", "0/2", "0", "0"]
    assert kubectl("set", "image", "deploy/web", "web=lab/web:2").returncode == 0
    assert kubectl("set", "env", "deploy/web", "C=3").returncode == 0
    assert kubectl("scale", "deploy/web", "--replicas=5").stdout == "deployment.apps/web scaled\n"
    path = "{.spec.replicas} {.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].env[*].name}"
    assert kubectl("get", "deploy", "web", "-o", f"jsonpath={path}").stdout == "5 lab/web:2 A B C"
    assert kubectl("apply", "-f", manifest).stdout == "deployment.apps/web configured\n"
    assert kubectl("get", "deploy", "web", "-o", f"jsonpath={path}").stdout == "2 lab/web:1 A B C"
    assert kubectl("delete", "deploy", "web").stdout.startswith('deployment.apps "web" deleted')


def test_refusals_read_as_on_any_cluster(kubectl: Run, manifest: str, make_deployment: Callable[..., Obj]) -> None:
    unknown = kubectl("apply", "-f", "-", given=json.dumps(make_deployment(replicaz=1)))
    assert 'strict decoding error: unknown field "spec.replicaz"' in unknown.stderr
    negative = kubectl("apply", "-f", "-", given=json.dumps(make_deployment(replicas=-1)))
    assert 'The Deployment "web" is invalid: spec.replicas: Invalid value: -1' in negative.stderr
    assert 'deployments.apps "none" not found' in kubectl("get", "deploy", "none").stderr
    held = make_deployment()
    held["spec"]["template"]["spec"]["hostNetwork"] = True
    refused = kubectl("apply", "-f", "-", given=json.dumps(held))
    assert "spec.template.spec.hostNetwork: Forbidden: the embedded cluster does not support" in refused.stderr


def test_labels_logs_and_tables(kubectl: Run, served: Any) -> None:
    run_pod(served, logs={0: ["one", "two"]})
    assert kubectl("label", "pod", "p", "a=b").stdout == "pod/p labeled\n"
    assert kubectl("get", "pods", "-l", "a=b", "--show-labels", "--no-headers").stdout.split()[-1] == "a=b"
    assert kubectl("logs", "p", "--tail=1").stdout == "two\n"
    assert kubectl("get", "pods", "-A", "-o", "name").stdout == "pod/p\n"
    assert kubectl("delete", "pod", "p", "--now").returncode == 0
    assert kubectl("get", "all").stderr.startswith("No resources found")


def test_a_protobuf_body_is_refused_with_the_way_out(kubectl: Run) -> None:
    made = kubectl("create", "configmap", "a", "--from-literal=x=y")
    assert made.returncode == 0 or "kubectl apply -f -" in made.stderr
