"""Waiting for the baseline: what ends the wait, and what is said where it cannot end well."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest

from lab.errors import MissingError
from lab.operate import baseline
from lab.operate.baseline import await_gone, await_ready


class Ending:
    """A cluster with pods that are being deleted, and a kubelet that never comes to the end of it."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods = {pod["metadata"]["name"]: pod for pod in pods}
        self.deleted: list[tuple[str, int | None]] = []

    def list(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        if kind == "Deployment":
            return [{"metadata": {"name": "feed", "generation": 2}, "spec": {}}]
        return list(self.pods.values())

    def delete(self, kind: str, name: str, *, grace_seconds: int | None = None) -> None:
        self.deleted.append((name, grace_seconds))
        del self.pods[name]


def pod(name: str, *states: dict[str, Any], ending: bool = True) -> dict[str, Any]:
    metadata = {"name": name, **({"deletionTimestamp": "2026-10-01T10:00:00Z"} if ending else {})}
    image = "mlops-lab/feed:9.9.9"
    return {
        "metadata": metadata,
        "status": {"containerStatuses": [{"image": image, "state": state} for state in states]},
    }


OVER: dict[str, Any] = {"terminated": {"exitCode": 0}}
RUNNING: dict[str, Any] = {"running": {}}


def test_a_pod_whose_containers_are_over_goes_at_once_and_others_are_left_alone() -> None:
    cluster = Ending(pod("over", OVER, OVER), pod("stays", OVER, ending=False))
    await_gone(cluster, Event(), 10.0)  # type: ignore[arg-type]
    assert cluster.deleted == [("over", 0)]


@pytest.mark.parametrize("states", [(), (RUNNING,), (OVER, RUNNING)])
def test_a_pod_that_may_still_run_something_is_waited_for(states: tuple[dict[str, Any], ...]) -> None:
    cluster, stop = Ending(pod("busy", *states)), Event()
    stop.set()
    with pytest.raises(baseline.ClusterTimeout, match="busy"):
        await_gone(cluster, stop, 10.0)  # type: ignore[arg-type]
    assert cluster.deleted == []


@pytest.mark.parametrize(
    ("reason", "elapsed"), [("ErrImageNeverPull", baseline._LOOK_AT_IMAGES_SECONDS), ("ImagePullBackOff", 20.0)]
)
def test_a_missing_image_is_named_and_sooner_where_nobody_may_pull_it(
    monkeypatch: pytest.MonkeyPatch, reason: str, elapsed: float
) -> None:
    clock = [0.0]

    class Stop(Event):
        """Each wait lasts a second."""

        def wait(self, timeout: float | None = None) -> bool:
            clock[0] += 1.0
            return False

    monkeypatch.setattr(baseline.time, "monotonic", lambda: clock[0])
    cluster = Ending(pod("feed-1", {"waiting": {"reason": reason}}, ending=False))
    with pytest.raises(MissingError, match=r"mlops-lab/feed:9\.9\.9"):
        await_ready(cluster, 120.0, lambda line: None, Stop())  # type: ignore[arg-type]
    assert elapsed <= clock[0] <= elapsed + baseline._LOOK_AT_IMAGES_SECONDS + 1.0
