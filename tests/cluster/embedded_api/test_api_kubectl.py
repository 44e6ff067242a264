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


def test_objects_are_created_from_words(kubectl: Run) -> None:
    assert kubectl("create", "configmap", "a", "--from-literal=x=y").stdout == "configmap/a created\n"
    assert kubectl("get", "configmap", "a", "-o", "jsonpath={.data}").stdout == '{"x":"y"}'
    assert kubectl("create", "secret", "generic", "s", "--from-literal=key=word").returncode == 0
    assert kubectl("get", "secret", "s", "-o", "jsonpath={.type} {.data.key}").stdout == "Opaque d29yZA=="
    made = kubectl("create", "deployment", "d", "--image=lab/web:1", "--replicas=0", "--port=8600")
    assert made.stdout == "deployment.apps/d created\n", made.stderr
    path = "{.spec.replicas} {.spec.selector} {.spec.template.spec.containers[0].ports[0].containerPort}"
    assert kubectl("get", "deploy", "d", "-o", f"jsonpath={path}").stdout == '0 {"matchLabels":{"app":"d"}} 8600'


def test_jobs_and_cron_jobs(kubectl: Run, served: Any) -> None:
    made = kubectl("create", "cronjob", "nightly", "--image=lab/train:1", "--schedule=@daily", "--", "train", "-v")
    assert made.stdout == "cronjob.batch/nightly created\n", made.stderr
    shown = kubectl("get", "cj").stdout.splitlines()
    assert shown[0].split() == ["NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST", "SCHEDULE", "AGE"]
    assert shown[1].split()[:6] == ["nightly", "@daily", "<none>", "False", "0", "<none>"]
    assert kubectl("create", "job", "now", "--from=cronjob/nightly").stdout == "job.batch/now created\n"
    job = json.loads(kubectl("get", "job", "now", "-o", "json").stdout)
    assert job["metadata"]["annotations"] == {"cronjob.kubernetes.io/instantiate": "manual"}
    assert job["metadata"]["ownerReferences"][0]["name"] == "nightly"
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["train", "-v"]
    assert job["spec"]["backoffLimit"] == 6
    shown = kubectl("get", "jobs").stdout.splitlines()
    assert shown[0].split() == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    assert shown[1].split()[:3] == ["now", "Running", "0/1"]
    assert "Parallelism:" in kubectl("describe", "job", "now").stdout
    assert "Schedule:" in kubectl("describe", "cronjob", "nightly").stdout
    assert kubectl("patch", "cronjob", "nightly", "-p", '{"spec":{"suspend":true}}').returncode == 0
    assert kubectl("delete", "job", "now").returncode == 0
    late = kubectl("create", "cronjob", "bad", "--image=i", "--schedule=61 * * * *")
    assert 'CronJob.batch "bad" is invalid: spec.schedule: Invalid value: "61 * * * *"' in late.stderr


def test_what_a_job_may_not_be(kubectl: Run) -> None:
    pod = {"containers": [{"name": "main", "image": "lab/train:1"}], "restartPolicy": "Never"}
    job: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}

    def refusal(**spec: Any) -> str:
        body = {**job, "spec": {"template": {"spec": pod}, **spec}}
        return kubectl("apply", "-f", "-", given=json.dumps(body)).stderr

    always = {"spec": {**pod, "restartPolicy": "Always"}}
    assert 'Unsupported value: "Always": supported values: "Never", "OnFailure"' in refusal(template=always)
    assert "spec.completionMode: Forbidden: the embedded cluster supports only NonIndexed" in refusal(
        completionMode="Indexed", completions=2
    )
    assert "spec.backoffLimitPerIndex: Forbidden" in refusal(backoffLimitPerIndex=1)
    assert "`selector` not auto-generated" in refusal(selector={"matchLabels": {"a": "b"}})
    assert refusal() == ""
    assert "spec.completions: Invalid value: 3: field is immutable" in refusal(completions=3)
    assert refusal(parallelism=2) == ""


def test_what_pods_and_the_node_use(kubectl: Run, served: Any) -> None:
    run_pod(served, name="one", logs={})
    run_pod(served, name="two", logs={})
    kubectl("label", "pod", "one", "a=b")
    shown = kubectl("top", "pods")
    assert shown.returncode == 0, shown.stderr
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["NAME", "CPU(cores)", "MEMORY(bytes)"], ["one", "250m", "64Mi"], ["two", "250m", "64Mi"],
    ]  # fmt: skip
    assert kubectl("top", "pods", "-l", "a=b", "--no-headers", "--containers").stdout.split() == [
        "one", "web", "250m", "64Mi",
    ]  # fmt: skip
    assert kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/one").returncode == 0
    none = kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/none")
    assert 'pods.metrics.k8s.io "none" not found' in none.stderr
    listed = kubectl("api-resources", "--api-group=metrics.k8s.io", "-o", "name").stdout.split()
    assert listed == ["nodes.metrics.k8s.io", "pods.metrics.k8s.io"]


def test_autoscalers(kubectl: Run, manifest: str) -> None:
    kubectl("apply", "-f", manifest)
    made = kubectl("autoscale", "deploy", "web", "--min=2", "--max=5", "--cpu-percent=60")
    assert made.stdout == "horizontalpodautoscaler.autoscaling/web autoscaled\n", made.stderr
    shown = kubectl("get", "hpa").stdout.splitlines()
    assert shown[0].split() == ["NAME", "REFERENCE", "TARGETS", "MINPODS", "MAXPODS", "REPLICAS", "AGE"]
    assert shown[1].split()[:7] == ["web", "Deployment/web", "cpu:", "<unknown>/60%", "2", "5", "0"]
    described = kubectl("describe", "hpa", "web").stdout
    assert "Min replicas:" in described
    assert "resource cpu on pods  (as a percentage of request):  <unknown> / 60%" in described
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 2}
    scaler: dict[str, Any] = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}

    def refusal(**change: Any) -> str:
        body = {**scaler, "metadata": {"name": "other"}, "spec": {**spec, **change}}
        return kubectl("apply", "-f", "-", given=json.dumps(body)).stderr

    pods = {
        "type": "Pods",
        "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
    assert "spec.metrics[0].type: Forbidden: the embedded cluster supports only" in refusal(metrics=[pods])
    assert "must be greater than or equal to `minReplicas`" in refusal(minReplicas=3)
    zero = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 0}}}
    assert "averageUtilization: Invalid value: 0: must be greater than 0" in refusal(metrics=[zero])
    assert "policies: Required value" in refusal(behavior={"scaleUp": {"policies": []}})
    assert refusal(behavior={"scaleDown": {"stabilizationWindowSeconds": 5}}) == ""
    path = "{.spec.metrics[0].resource.target.averageUtilization} {.spec.behavior.scaleDown.policies[0].type}"
    assert kubectl("get", "hpa", "other", "-o", f"jsonpath={path}").stdout == "80 Percent"
