"""Rates from counters that restart and replicas that come and go."""

from __future__ import annotations

import pytest

from lab.keeper.counters import CounterRates, parse_exposition

TEXT = """# HELP feed_requests_total x
# TYPE feed_requests_total counter
feed_requests_total{outcome="good"} 90.0
feed_requests_total{outcome="slow"} 10
feed_requests_total_created 17
feed_planned_requests_total 101.0
"""


def test_only_the_wanted_metrics_are_read_with_their_labels() -> None:
    points = parse_exposition(TEXT, ("feed_requests_total", "feed_planned_requests_total"))
    assert [(point.name, dict(point.labels), point.value) for point in points] == [
        ("feed_requests_total", {"outcome": "good"}, 90.0),
        ("feed_requests_total", {"outcome": "slow"}, 10.0),
        ("feed_planned_requests_total", {}, 101.0),
    ]


def grown(first: dict[str, float], second: dict[str, float], seconds: float = 1.0) -> float | None:
    rates = CounterRates()
    points = [
        {
            pod: parse_exposition(f"feed_planned_requests_total {value}\n", ("feed_planned_requests_total",))
            for pod, value in one.items()
        }
        for one in (first, second)
    ]
    assert rates.update(100.0, points[0]) is None
    result = rates.update(100.0 + seconds, points[1])
    return None if result is None else sum(result.values())


def test_a_rate_is_the_increase_by_time() -> None:
    assert grown({"a": 100}, {"a": 180}, 2.0) == pytest.approx(40.0)


def test_a_counter_that_fell_restarted_from_zero() -> None:
    assert grown({"a": 500}, {"a": 12}) == pytest.approx(12.0)


def test_a_second_replica_adds_up_and_one_that_left_takes_nothing_away() -> None:
    assert grown({"a": 100}, {"a": 140, "b": 40}) == pytest.approx(80.0)
    assert grown({"a": 100, "b": 50}, {"a": 140}) == pytest.approx(40.0)
