"""Whether the protected alerts would reach anybody, as the sampler sees it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lab.content.loader import load_scenario
from lab.keeper.files import RunConstants
from lab.keeper.sampler import Sampler
from lab.paths import scenarios_root
from lab.telemetry.alertmanager import HeldAlert, Matcher, Silence
from lab.telemetry.prometheus import TelemetryError

PAGE = {"alertname": "GoodShareBurn", "severity": "page"}


class Held:
    """An Alertmanager that answers what the test says."""

    def __init__(self) -> None:
        self.made: list[Silence] = []
        self.firing: list[HeldAlert] = []
        self.text = "route"
        self.gone = False

    def silences(self) -> tuple[Silence, ...]:
        if self.gone:
            raise TelemetryError("Alertmanager does not answer", "gone.", "Look.")
        return tuple(self.made)

    def alerts(self) -> tuple[HeldAlert, ...]:
        return tuple(self.firing)

    def routing(self) -> str:
        return self.text


@pytest.fixture
def held() -> Held:
    return Held()


def silenced(held: Held, **constants: Any) -> float | None:
    """The sample, with the rest of the stack out of reach."""

    def out_of_reach(*args: object) -> Any:
        raise TelemetryError("Prometheus does not answer", "gone.", "Look.")

    prometheus = SimpleNamespace(value=out_of_reach, rules=out_of_reach, alerts=out_of_reach)
    cluster = SimpleNamespace(list=out_of_reach, get=out_of_reach)
    lab: Any = SimpleNamespace(alertmanager=held, prometheus=prometheus, cluster=cluster)
    known = RunConstants(
        scenario_yaml="",
        baseline_tags={},
        floors={"gateway": 1, "model-server": 2},
        rules={},
        commits=[],
        registered={},
        prometheus_version="",
        engine="embedded",
        **({"alert_labels": {"GoodShareBurn": PAGE}, "routing": "route"} | constants),
    )
    sampler = Sampler(lab, load_scenario(scenarios_root() / "hangs-now-and-then").scenario)
    return sampler.tick(0.0, 40.0, known, True).values["silenced"]


def silence(*matchers: str, state: str = "active") -> Silence:
    return Silence("id", state, tuple(Matcher.parse(text) for text in matchers), 0.0, 60.0, "you", "")


def alert(name: str, *silenced_by: str) -> HeldAlert:
    return HeldAlert(name, "active", 0.0, {"alertname": name}, {}, silenced_by)


@pytest.mark.parametrize(
    ("matchers", "sample"),
    [
        (["alertname=GoodShareBurn"], 1.0),
        (["severity=~.+"], 1.0),
        (["alertname=GoodShareBurn", "severity!=page"], 0.0),
        (["alertname=Other"], 0.0),
        (["job=feed"], 0.0),
    ],
)
def test_a_silence_counts_when_it_matches_a_protected_alert(held: Held, matchers: list[str], sample: float) -> None:
    held.made = [silence(*matchers)]
    assert silenced(held) == sample
    held.made = [silence(*matchers, state="pending")]
    assert silenced(held) == 0.0


def test_what_alertmanager_itself_says_of_an_alert_counts(held: Held) -> None:
    held.firing = [alert("GoodShareBurn"), alert("Other", "id")]
    assert silenced(held) == 0.0
    held.firing = [alert("GoodShareBurn", "id")]
    assert silenced(held) == 1.0


def test_changed_routes_count_where_they_were_known(held: Held) -> None:
    held.text = "route: {receiver: nobody}"
    assert silenced(held) == 1.0
    assert silenced(held, routing="") == 0.0


def test_no_answer_is_no_sample(held: Held) -> None:
    held.gone = True
    assert silenced(held) is None
