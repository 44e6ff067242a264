"""The registry as a process: MLflow's own client works with it, and a moved alias is served without a lost request."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from stack_flow_kubernetes import FakeKubernetes
from stack_flow_rig import Component, Rig, until

from stack.registry.layout import DATABASE

pytestmark = pytest.mark.processes

SWAP_SECONDS = 2.0
SLACK_SECONDS = 3.0
"""Beyond the two seconds, for a machine that is busy with other tests; what was measured is in the message."""


@pytest.fixture
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def move(registry: Component, version: str) -> None:
    body = json.dumps({"name": "flight-risk", "alias": "champion", "version": version, "user": "mei"}).encode()
    address = f"http://{registry.address}/api/2.0/mlflow/registered-models/alias"
    with build_opener(ProxyHandler({})).open(Request(address, body, method="POST"), timeout=5) as answer:
        assert answer.status == 200


def answers(rig: Rig, version: str) -> float:
    return rig.feed.value("feed_answers_total", model_version=version)


@pytest.mark.usefixtures("loopback_only")
def test_the_real_client_reads_moves_and_registers(rig: Rig, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    registry = rig.start("registry", environ={"DATA_DIR": str(tmp_path)})
    registry.await_ready()
    over_http = f"http://{registry.address}"
    client = mlflow.MlflowClient(tracking_uri=over_http, registry_uri=over_http)
    assert [model.name for model in client.search_registered_models()] == ["flight-risk"]
    versions = client.search_model_versions("name='flight-risk'")
    assert [str(version.version) for version in versions] == ["5", "4", "3", "2", "1"]
    assert versions[3].aliases == ["champion"]
    run = client.get_run(versions[2].run_id)
    assert run.data.metrics["auc"] == pytest.approx(0.9364, abs=1e-3)
    assert run.data.params["recipe"] == "histogram-gradient-boosting"
    experiment = client.get_experiment_by_name("flight-risk")
    best = client.search_runs([experiment.experiment_id], "metrics.auc > 0.93", order_by=["metrics.auc DESC"])
    assert [item.info.run_name for item in best] == ["flight-risk-5", "flight-risk-4", "flight-risk-3"]
    client.set_registered_model_alias("flight-risk", "champion", "3")
    made = client.create_model_version("flight-risk", "somewhere", run_id=run.info.run_id, tags={"a": "b"})
    client.set_model_version_tag("flight-risk", str(made.version), "c", "d")
    with pytest.raises(mlflow.exceptions.MlflowException, match="append-only"):
        client.delete_model_version("flight-risk", "1")
    assert registry.stop() == 0
    over_file = f"sqlite:///{tmp_path / DATABASE}"
    direct = mlflow.MlflowClient(tracking_uri=over_file, registry_uri=over_file)
    assert str(direct.get_model_version_by_alias("flight-risk", "champion").version) == "3"
    assert direct.get_model_version("flight-risk", str(made.version)).tags == {"a": "b", "c": "d"}


def test_a_moved_alias_is_served_everywhere_and_no_request_is_lost(tmp_path: Path) -> None:
    account = tmp_path / "serviceaccount"
    account.mkdir()
    with FakeKubernetes(account) as kubernetes:
        rig = Rig(tmp_path, kubernetes, requests_per_second=40)
        try:
            rig.await_ready()
            until("requests flow", lambda: rig.feed.value("feed_requests_total", outcome="good") > 80)
            for version in ("3", "2"):
                moved = time.monotonic()
                move(rig.registry, version)
                until(
                    f"both replicas serve version {version}",
                    lambda wanted=version: all(
                        model.value("model_version_info", version=wanted) == 1 for model in rig.models
                    ),
                    SWAP_SECONDS + SLACK_SECONDS,
                )
                took = time.monotonic() - moved
                assert took < SWAP_SECONDS + SLACK_SECONDS, f"took {took:.2f} s"
                answered = answers(rig, version)
                until("it answers", lambda v=version, n=answered: answers(rig, v) > n + 80)
            for outcome in ("error", "invalid", "timeout"):
                assert rig.feed.value("feed_requests_total", outcome=outcome) == 0
        finally:
            rig.close()
