"""What a seed decides, and when each event comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.content.loader import load_scenario
from lab.content.model import Scenario
from lab.keeper.plan import choose, plan, planned_rps

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(SCENARIOS / "hangs-now-and-then").scenario


def test_the_same_seed_gives_the_same_run(scenario: Scenario) -> None:
    assert choose("hangs-now-and-then", 7, scenario, None) == choose("hangs-now-and-then", 7, scenario, None)


def test_seeds_differ_in_strike_and_reach_every_tag(scenario: Scenario) -> None:
    drawn = [choose("hangs-now-and-then", seed, scenario, None) for seed in range(40)]
    assert len({strike for strike, _ in drawn}) > 30
    assert {tag for _, tag in drawn} == set(scenario.seeded.tag)
    low, high = scenario.seeded.strike_seconds
    assert all(low <= strike <= high for strike, _ in drawn)


def test_a_given_strike_keeps_the_seeds_tag(scenario: Scenario) -> None:
    assert choose("x", 3, scenario, 8.0) == (8.0, choose("x", 3, scenario, None)[1])


def test_events_before_an_early_strike_come_in_order_right_after_the_gate(scenario: Scenario) -> None:
    script = plan(scenario, 8.0, "2.4.0")
    times = [deploy.after_gate for deploy in script.deploys]
    assert times == sorted(times)
    assert times[0] == 0.0
    assert script.deploys[-1].after_gate == 8.0
    assert script.deploys[-1].tag == "2.4.0"


def test_events_keep_their_distance_when_there_is_time(scenario: Scenario) -> None:
    script = plan(scenario, 100.0, "2.4.1")
    assert [deploy.after_gate for deploy in script.deploys] == [
        pytest.approx(100.0 + event.at.offset_seconds) for event in scenario.events
    ]


def test_planned_traffic_follows_its_steps(scenario: Scenario) -> None:
    assert planned_rps(scenario, 0.0) == scenario.traffic[0].rps
    stepped = scenario.model_copy(
        update={"traffic": (*scenario.traffic, scenario.traffic[0].model_copy(update={"at": 30.0, "rps": 80.0}))}
    )
    assert planned_rps(stepped, 29.9) == scenario.traffic[0].rps
    assert planned_rps(stepped, 30.0) == 80.0
