"""The autoscaler look by look: what metrics ask for, how fast it follows, and what it says when it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from embedded_node_bench import NAMESPACE, FakeClock
from embedded_scale_bench import SCALERS, ScaleBench

from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.tables_autoscaling import targets


@pytest.fixture
def bench(settings: NodeSettings, clock: FakeClock) -> ScaleBench:
    return ScaleBench(settings, clock)


def cpu(percent: int) -> list[Any]:
    target = {"type": "Utilization", "averageUtilization": percent}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def test_replicas_follow_the_load_up(bench: ScaleBench) -> None:
    bench.deploy(replicas=2)
    bench.autoscale(metrics=cpu(50))
    bench.load = 0.2  # 100m of 100m each: twice the target
    assert bench.look() == 4
    assert bench.told("SuccessfulRescale") == [
        "New size: 4; reason: cpu resource utilization (percentage of request) above target"
    ]
    status = bench.scaler["status"]
    assert (status["currentReplicas"], status["desiredReplicas"]) == (2, 4)
    assert status["lastScaleTime"]
    metric = status["currentMetrics"][0]["resource"]
    assert metric == {"name": "cpu", "current": {"averageUtilization": 100, "averageValue": "100m"}}
    assert bench.condition("AbleToScale")[:2] == ("True", "SucceededRescale")
    assert bench.condition("ScalingActive")[:2] == ("True", "ValidMetricFound")
    assert bench.condition("ScalingLimited")[:2] == ("False", "DesiredWithinRange")
    assert targets(bench.scaler, bench.clock()) == "cpu: 100%/50%"
    assert bench.look() == 4, "at its target it stays"
    assert bench.condition("AbleToScale")[:2] == ("True", "ReadyForNewScale")


def test_small_deviations_are_tolerated(bench: ScaleBench) -> None:
    bench.deploy(replicas=4)
    bench.autoscale(metrics=cpu(50))
    bench.load = 0.218  # 54 %: within a tenth of 50
    assert bench.look(3) == 4
    bench.load = 0.184
    assert bench.look(3) == 4
    bench.load = 0.224
    assert bench.look() == 5


def test_an_own_tolerance_counts(bench: ScaleBench) -> None:
    bench.deploy(replicas=4)
    bench.autoscale(metrics=cpu(50), behavior={"scaleUp": {"tolerance": "500m"}})
    bench.load = 0.28
    assert bench.look(2) == 4
    bench.load = 0.32
    assert bench.look() == 7


def test_it_never_doubles_more_than_once_in_a_period_by_default(bench: ScaleBench) -> None:
    bench.deploy(replicas=1)
    bench.autoscale(maximum=50, metrics=cpu(10))
    bench.load = 4.0
    assert [bench.look() for _ in range(5)] == [5, 10, 20, 40, 50]
    assert bench.condition("ScalingLimited")[:2] == ("True", "TooManyReplicas")


def test_bounds_hold_whatever_the_metrics_say(bench: ScaleBench) -> None:
    bench.deploy(replicas=8)
    bench.autoscale(minimum=2, maximum=5, metrics=cpu(50))
    assert bench.look() == 5
    assert bench.told("SuccessfulRescale") == ["New size: 5; reason: Current number of replicas above Spec.MaxReplicas"]
    held = bench.scaler
    bench.store.update(SCALERS, {**held, "spec": {**held["spec"], "minReplicas": 6, "maxReplicas": 9}})
    assert bench.look() == 6


def test_scaling_down_waits_for_the_window(bench: ScaleBench) -> None:
    bench.deploy(replicas=4)
    bench.autoscale(metrics=cpu(50))
    bench.load = 0.05
    seen = [bench.look() for _ in range(21)]
    assert seen[:20] == [4] * 20, "five minutes"
    assert seen[20] == 1
    assert bench.told("SuccessfulRescale") == ["New size: 1; reason: All metrics below target"]


def test_what_it_says_while_it_waits(bench: ScaleBench) -> None:
    bench.deploy(replicas=4)
    bench.autoscale(metrics=cpu(50))
    bench.load = 0.05
    bench.look(2)
    assert bench.condition("AbleToScale")[1] == "ScaleDownStabilized"
    assert "applying the highest recent recommendation" in bench.condition("AbleToScale")[2]


def test_an_own_window_and_policy_for_scaling_down(bench: ScaleBench) -> None:
    bench.deploy(replicas=6)
    policies = [{"type": "Pods", "value": 1, "periodSeconds": 30}]
    bench.autoscale(metrics=cpu(50), behavior={"scaleDown": {"stabilizationWindowSeconds": 0, "policies": policies}})
    bench.load = 0.05
    assert [bench.look() for _ in range(6)] == [5, 5, 4, 4, 3, 3]
    assert bench.condition("ScalingLimited")[1] == "ScaleDownLimit"


def test_the_narrower_policy_or_none_at_all(bench: ScaleBench) -> None:
    bench.deploy(replicas=4)
    policies = [
        {"type": "Pods", "value": 1, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ]
    up = {"selectPolicy": "Min", "policies": policies}
    down = {"selectPolicy": "Disabled", "stabilizationWindowSeconds": 0}
    bench.autoscale(metrics=cpu(50), behavior={"scaleUp": up, "scaleDown": down})
    bench.load = 1.0
    assert [bench.look() for _ in range(2)] == [5, 6]
    assert bench.condition("ScalingLimited")[1] == "ScaleUpLimit"
    bench.load = 0.0
    assert bench.look(4) == 6


def test_scaling_up_can_wait_for_a_window_too(bench: ScaleBench) -> None:
    bench.deploy(replicas=2)
    bench.autoscale(metrics=cpu(50), behavior={"scaleUp": {"stabilizationWindowSeconds": 60}})
    bench.load = 0.1
    bench.look()
    bench.load = 0.2
    assert [bench.look() for _ in range(4)] == [2, 2, 2, 4]


def test_memory_by_amount_and_the_greatest_wish_of_two(bench: ScaleBench) -> None:
    bench.deploy(replicas=2)
    memory = {
        "type": "Resource",
        "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "20Mi"}},
    }
    bench.autoscale(metrics=[*cpu(50), memory])
    bench.load = 0.1
    assert bench.look() == 5
    assert bench.told("SuccessfulRescale") == ["New size: 5; reason: memory resource above target"]
    assert targets(bench.scaler, bench.clock()) == f"cpu: 50%/50%, memory: {50 * 2**20}/20Mi"


def test_one_container_of_a_pod(bench: ScaleBench) -> None:
    bench.deploy(replicas=2)
    source = {"name": "cpu", "container": "main", "target": {"type": "Utilization", "averageUtilization": 50}}
    bench.autoscale(metrics=[{"type": "ContainerResource", "containerResource": source}])
    bench.load = 0.2
    assert bench.look() == 4
    assert bench.scaler["status"]["currentMetrics"][0]["containerResource"]["container"] == "main"


def test_a_missing_request_is_named(bench: ScaleBench) -> None:
    bench.deploy(replicas=1, resources={})
    bench.autoscale(metrics=cpu(50))
    assert bench.look() == 1
    (pod,) = bench.pods()
    text = f"failed to get cpu utilization: missing request for cpu in container main of Pod {pod['metadata']['name']}"
    assert bench.condition("ScalingActive") == (
        "False", "FailedGetResourceMetric", f"the HPA was unable to compute the replica count: {text}",
    )  # fmt: skip
    assert bench.told("FailedGetResourceMetric") == [text]
    assert bench.told("FailedComputeMetricsReplicas")
    assert targets(bench.scaler, bench.clock()) == "cpu: <unknown>/50%"


def test_pods_without_metrics_argue_against_a_change(bench: ScaleBench) -> None:
    bench.deploy(replicas=4)
    bench.autoscale(metrics=cpu(50), behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    bench.silent = {pod["metadata"]["name"] for pod in bench.pods()[:3]}
    bench.load = 0.36  # the one that tells uses 90m; the others are taken to use nothing
    assert bench.look(2) == 4
    bench.load = 0.04  # now 10m, and the others are taken to use all that they asked for
    assert bench.look(2) == 4
    bench.silent = {pod["metadata"]["name"] for pod in bench.pods()}
    assert bench.look() == 4
    assert "no metrics returned from resource metrics API" in bench.condition("ScalingActive")[2]


def test_pods_that_are_not_ready_do_not_count_for_cpu(bench: ScaleBench) -> None:
    bench.deploy(replicas=1)
    bench.autoscale(metrics=cpu(50))
    bench.load, bench.hold_back = 0.1, True
    assert bench.look() == 2
    assert bench.look(4) == 2, "the second Pod has yet to begin, which is counted as no use"


def test_a_target_that_is_not_there(bench: ScaleBench) -> None:
    bench.deploy()
    bench.autoscale(target="other", metrics=cpu(50))
    bench.look()
    status, reason, message = bench.condition("AbleToScale")
    assert (status, reason) == ("False", "FailedGetScale")
    assert message.endswith('deployments/scale.apps "other" not found')
    assert bench.scaler["status"]["desiredReplicas"] == 0


def test_a_workload_of_zero_is_left_alone(bench: ScaleBench) -> None:
    bench.deploy(replicas=0)
    bench.autoscale(metrics=cpu(50))
    assert bench.look(3) == 0
    assert bench.condition("ScalingActive")[:2] == ("False", "ScalingDisabled")


def test_an_autoscaler_that_is_gone_does_nothing(bench: ScaleBench) -> None:
    bench.deploy(replicas=2)
    bench.autoscale(metrics=cpu(50))
    bench.look()
    bench.store.remove(SCALERS, NAMESPACE, "web")
    bench.load = 2.0
    assert bench.look(3) == 2
