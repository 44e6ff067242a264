"""What somebody on call makes of replicas that serve another version than the registry means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from lab.keeper.indicators import APPROVED, GOOD, most_broken
from lab.keeper.memo import Memo
from lab.keeper.minds import OnCall
from lab.keeper.versions import REGISTRY, SERVING, Replica, Versions, conclude_versions, look_at_versions
from lab.keeper.view import ChangeView
from lab.telemetry.prometheus import Sample, TelemetryError

ALERT = 100.0


def change(name: str, at: float, component: str, what: str) -> ChangeView:
    return ChangeView(id=name, at=at, who="Tom Okafor", component=component, what=what, message="why")


LOADER = change("a1b2c3d", 40.0, "model-server", "image 2.3.5 -> 2.4.2")
LIMIT = change("b1b2c3d", 60.0, "registry", "image 3.1.1 -> 3.2.0")
MOVE = change("move-2", 90.0, "registry", "alias champion 5 -> 2")
LATER = change("c1b2c3d", 110.0, "model-server", "image 2.4.2 -> 2.3.5")
CHANGES = (LATER, MOVE, LIMIT, LOADER)


def replica(pod: str, version: str, news: float = 0.4, release: str = "2.4.2", refused: bool = False) -> Replica:
    return Replica(pod, release, version, news, refused)


PICKED: dict[str, tuple[list[Replica], str, str, ChangeView]] = {
    "all differ": ([replica("a", "5"), replica("b", "5")], "wrong-version-served", SERVING, LOADER),
    "one differs": ([replica("a", "5"), replica("b", "2")], "wrong-version-served", SERVING, LOADER),
    "one is deaf": ([replica("a", "5", 70.0), replica("b", "2")], "stale-model", SERVING, LOADER),
    "one says nothing": ([replica("a", "5", math.nan), replica("b", "2")], "stale-model", SERVING, LOADER),
    "all are deaf": ([replica("a", "5", 70.0), replica("b", "5", 70.0)], "stale-model", REGISTRY, LIMIT),
    "two releases": ([replica("a", "5", release="2.3.5"), replica("b", "2")], "mixed-versions", SERVING, LOADER),
    "turned down": ([replica("a", "5", refused=True), replica("b", "2")], "artefact-corrupt", SERVING, LOADER),
    "replicas are right": ([replica("a", "2"), replica("b", "2")], "routing-error", SERVING, LOADER),
}


@pytest.mark.parametrize("picked", PICKED.values(), ids=PICKED)
def test_the_cause_follows_from_who_serves_what(picked: tuple[list[Replica], str, str, ChangeView]) -> None:
    replicas, cause, component, changed = picked
    finding = conclude_versions(Versions("2", tuple(replicas)), CHANGES, ALERT)
    assert (finding.cause, finding.component, finding.change) == (cause, component, changed)
    assert finding.indicator is APPROVED


def test_a_move_of_the_alias_is_told_and_never_blamed() -> None:
    finding = conclude_versions(Versions("2", (replica("a", "5"), replica("b", "5"))), (MOVE,), ALERT)
    assert finding.change is None
    assert "2 of 2 replicas serve version 5, and the champion is 2" in finding.because
    assert any("move-2 (alias champion 5 -> 2)" in reason for reason in finding.because)


def test_the_age_of_news_is_told_with_the_replica() -> None:
    finding = conclude_versions(Versions("3", (replica("a", "3"), replica("odd", "2", 71.6))), CHANGES, ALERT)
    assert "the news of odd from the registry is 72 s old; the others' is fresh" in finding.because


class FakePrometheus:
    """Answers by how an expression begins; None stands for a server that does not answer."""

    def __init__(self, answers: Mapping[str, tuple[Sample, ...] | None]) -> None:
        self._answers = answers

    def instant(self, promql: str, at: float | None = None) -> tuple[Sample, ...]:
        found = next((answer for start, answer in self._answers.items() if promql.startswith(start)), ())
        if found is None:
            raise TelemetryError("Prometheus does not answer", "refused.", "See `lab status`.")
        return found

    def value(self, promql: str, at: float | None = None) -> float | None:
        samples = self.instant(promql, at)
        return samples[0].value if len(samples) == 1 else None


def samples(value: float, **labels: str) -> tuple[Sample, ...]:
    return (Sample(labels, ALERT, value),)


STACK: dict[str, tuple[Sample, ...] | None] = {
    "max(registry_alias_version": samples(2.0),
    "time() - model_registry": samples(0.5, pod="model-server-a"),
    "sum by (pod) (model_loads_total": samples(0.0, pod="model-server-a"),
    "model_version_info": samples(1.0, pod="model-server-a", release="2.4.2", version="5"),
    GOOD.promql: samples(1.0),
    APPROVED.promql: samples(0.1),
}


def test_versions_are_read_from_the_replicas_and_the_registry() -> None:
    seen = look_at_versions(FakePrometheus(STACK))  # type: ignore[arg-type]
    assert seen == Versions("2", (replica("model-server-a", "5", 0.5),))
    unknown = look_at_versions(FakePrometheus(STACK | {"max(": ()} | {"max(registry_alias_version": ()}))  # type: ignore[arg-type]
    assert unknown.champion == ""
    assert unknown.odd == seen.replicas


def test_the_least_kept_promise_is_looked_at() -> None:
    broken = most_broken(FakePrometheus(STACK))  # type: ignore[arg-type]
    assert (broken.indicator, round(broken.share, 2)) == (APPROVED, 0.9)
    quiet = most_broken(FakePrometheus(STACK | {GOOD.promql: None, APPROVED.promql: ()}))  # type: ignore[arg-type]
    assert (quiet.indicator, quiet.share) == (GOOD, 0.0)


def test_who_is_on_call_looks_at_versions_when_answers_are_not_the_champions() -> None:
    class Around:
        def now(self) -> float:
            return ALERT + 6

    class Box:
        prometheus: Any = FakePrometheus(STACK)
        around = Around()

    mind = OnCall.__new__(OnCall)
    finding = mind.conclude(Memo(alert_at=ALERT, changes=CHANGES), Box())  # type: ignore[arg-type]
    assert (finding.cause, finding.change) == ("wrong-version-served", LOADER)
