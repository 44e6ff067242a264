"""What the platform offers of the accelerator: manifests that nobody applies by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.accelerator.__main__ import job
from stack.common.release import BackgroundRelease, read_release

STACK = Path(__file__).resolve().parents[2] / "stack"
OPTIONS = {"accelerator": "Deployment", "batch-scoring": "Job", "fine-tuning": "Job"}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((STACK / "platform" / "options" / f"{name}.yaml").read_text()))


@pytest.mark.parametrize(("name", "kind"), OPTIONS.items())
def test_each_is_confined_bounded_and_of_a_release_that_is_there(name: str, kind: str) -> None:
    workload = documents(name)[-1]
    assert (workload["kind"], workload["metadata"]["name"]) == (kind, name)
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "flight-risk"}
    template = workload["spec"]["template"]
    assert workload["metadata"]["labels"] == template["metadata"]["labels"] == labels
    spec, own = template["spec"], template["spec"]["containers"][0]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert own["name"] == name
    assert own["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert own["resources"]["limits"]["memory"] == own["resources"]["requests"]["memory"]
    image, _, tag = own["image"].partition(":")
    assert image == "mlops-lab/accelerator"
    assert read_release(STACK / "accelerator" / "releases" / f"{tag}.yaml", BackgroundRelease, tag).notes


def test_jobs_name_programs_of_the_image_and_say_who_they_are() -> None:
    for name in ("batch-scoring", "fine-tuning"):
        own = documents(name)[-1]["spec"]["template"]["spec"]["containers"][0]
        assert own["args"][0] == name
        assert job(name) is not None
        assert {"POD_NAME", "POD_NAMESPACE", "CONTAINER_NAME"} == {item["name"] for item in own["env"]}
        assert own["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert job("anything") is None


def test_the_service_leads_to_the_driver() -> None:
    service, deployment = documents("accelerator")
    assert service["spec"]["ports"] == [{"name": "http", "port": 8606, "targetPort": "http"}]
    own = deployment["spec"]["template"]["spec"]["containers"][0]
    assert own["ports"] == [{"name": "http", "containerPort": 8606}]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
