"""The stack end to end, as processes: what is offered is answered, judged, counted and joined with what happened."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

from stack_flow_rig import Component, Rig, until

BODY = {
    "id": "from-a-test",
    "inputs": [{"name": "features", "shape": [1, 12], "datatype": "FP32", "data": [0.0] * 11 + [None]}],
}


def outcomes(feed: Component) -> dict[str, float]:
    """Requests of the feed by what they came to."""
    return {labels[0][1]: value for (name, labels), value in feed.samples().items() if name == "feed_requests_total"}


def replace(rig: Rig, index: int) -> Component:
    """Start another model server, let it in, and put it in the place of one."""
    fresh = rig.start("model-server", f"--registry=http://{rig.registry.address}")
    fresh.await_ready("/v2/health/ready")
    rig.publish(fresh)
    rig.models[index] = fresh
    return fresh


def test_healthy_traffic_is_good(rig: Rig) -> None:
    until("200 requests were good", lambda: outcomes(rig.feed)["good"] >= 200)
    found = outcomes(rig.feed)
    assert set(found) == {"good", "slow", "error", "invalid", "timeout"}
    assert found["error"] == found["invalid"] == found["timeout"] == 0
    assert found["good"] / sum(found.values()) > 0.9
    assert rig.feed.value("feed_planned_requests_total") >= 200
    assert rig.feed.value("feed_answers_total", model_version="2") >= 200


def test_both_replicas_are_counted_on_their_own(rig: Rig) -> None:
    def counts() -> list[float]:
        return [
            rig.gateway.value("gateway_upstream_requests_total", replica=rig.pod(model), model_version="2", code="200")
            for model in rig.models
        ]

    until("both replicas answered", lambda: min(counts()) > 50)
    first, second = counts()
    assert abs(first - second) <= 0.1 * (first + second)
    assert rig.gateway.value("gateway_upstream_duration_seconds_count", replica=rig.pod(rig.models[0])) > 0
    assert rig.gateway.value("request_duration_seconds_count", code="200") > 0


def test_predictions_and_truths_are_numbered_and_joined(rig: Rig) -> None:
    page = rig.gateway.json("/predictions?after=3")
    assert [row["seq"] for row in page["predictions"][:3]] == [4, 5, 6]
    assert page["last"] == page["predictions"][-1]["seq"]
    row = page["predictions"][0]
    assert set(row) == {"seq", "id", "p", "model_version", "replica", "at", "features"}
    assert row["replica"] in rig.components
    truths = until("truths are known", lambda: rig.feed.json("/truth?after=0")["truths"])
    assert set(truths[0]) == {"seq", "id", "late"}
    assert {row["id"] for row in truths[:5]} <= {row["id"] for row in rig.gateway.json("/predictions")["predictions"]}
    until("the live Brier score appears", lambda: rig.monitor.value("model_live_brier") > 0)
    assert 0 < rig.monitor.value("model_live_brier") < 0.25
    assert 0 < rig.monitor.value("model_live_labelled_share") <= 1
    assert 0 < rig.monitor.value("model_live_predictions") <= 500


def test_discovery_tells_prometheus_every_pod(rig: Rig) -> None:
    groups = rig.discovery.json("/targets")
    jobs = {group["labels"]["job"] for group in groups}
    assert jobs == {"discovery", "registry", "model-server", "gateway", "feed", "monitor"}
    own = next(group for group in groups if group["labels"]["job"] == "feed")
    assert own == {
        "targets": [rig.feed.address],
        "labels": {"job": "feed", "pod": rig.pod(rig.feed), "release": "1.0.0", "namespace": "lab-test"},
    }


def test_a_replica_leaves_without_an_error(rig: Rig) -> None:
    before = outcomes(rig.feed)
    leaving = rig.models[0]
    replace(rig, 0)
    rig.publish(leaving, terminating=True)
    until("the gateway let it go", lambda: rig.gateway.value("gateway_endpoints") == 2)
    assert leaving.stop() == 0
    good = before["good"] + 100
    until("traffic goes on", lambda: outcomes(rig.feed)["good"] >= good)
    after = outcomes(rig.feed)
    assert (after["error"], after["invalid"]) == (before["error"], before["invalid"])


def test_a_replica_that_dies_is_answered_for_by_the_other(rig: Rig) -> None:
    before = outcomes(rig.feed)
    dying = rig.models[1]
    dying.process.kill()
    dying.process.wait()
    until(
        "the gateway met the dead replica",
        lambda: rig.gateway.value("gateway_upstream_requests_total", replica=rig.pod(dying), code="unreachable") > 5,
    )
    rig.publish(dying, ready=False)
    replace(rig, 1)
    until("the gateway has two again", lambda: rig.gateway.value("gateway_endpoints") == 2)
    after = outcomes(rig.feed)
    assert (after["error"], after["invalid"]) == (before["error"], before["invalid"])


def test_a_second_gateway_serves_logs_and_ends_in_order(rig: Rig) -> None:
    fresh = rig.start("gateway", f"--discovery=http://{rig.discovery.address}", environ={"DEADLINE_MS": "1500"})
    until("the second gateway is ready", lambda: fresh.get("/healthz")[0] == 200)
    request = Request(
        f"http://{fresh.address}/v2/models/flight-risk/infer",
        json.dumps(BODY).encode(),
        {"content-type": "application/json"},
    )
    with build_opener(ProxyHandler({})).open(request, timeout=5) as answer:
        document = json.load(answer)
    assert document["id"] == "from-a-test"
    assert document["outputs"][0]["shape"] == [1]
    assert fresh.json("/predictions")["predictions"][0]["id"] == "from-a-test"
    assert fresh.stop() == 0


def test_a_release_file_with_an_unknown_key_stops_the_start(rig: Rig, tmp_path: Path) -> None:
    release = tmp_path / "9.9.9.yaml"
    release.write_text("notes: x\nlogs: {every: 5}\n")
    component = rig.start("feed", environ={"RELEASE_FILE": str(release), "RELEASE": "9.9.9"})
    assert component.process.wait(timeout=10) == 1
    text = component.log.read_text()
    assert "unknown key logs" in text
    assert "log" in text.splitlines()[-1]
    assert "Traceback" not in text
