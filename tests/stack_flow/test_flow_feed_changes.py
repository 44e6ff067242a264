"""What a release does to flights, and what a plan makes the feed send."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from stack.common.features import NAMES, ORIGINS
from stack.common.transforms import Transform, Where
from stack.data.pool import Pool, load_pool
from stack.feed.app import FeedApp
from stack.feed.changes import Changes
from stack.feed.metrics import FeedMetrics
from stack.feed.plan import Burst, Mix, Plan, Wave, read_plan
from stack.feed.replay import Flight, Source, replay
from stack.feed.schedule import Schedule
from stack.feed.truth import TruthQueue
from stack.wire.server import Request

DELAY, HOUR, DISTANCE, TEMP = (NAMES.index(name) for name in ("dep_delay", "sched_hour", "distance", "temp"))


@pytest.fixture(scope="module")
def pool() -> Pool:
    return load_pool("calm")


def first(pool: Pool, count: int, *steps: Transform, mix: Mix | None = None) -> list[Flight]:
    return list(itertools.islice(replay(pool, 1, steps, mix), count))


def changed(pool: Pool, step: Transform, count: int = 1000) -> list[tuple[tuple[float | None, ...], ...]]:
    """Features of the same flights without and with a step."""
    pairs = zip(first(pool, count), first(pool, count, step), strict=True)
    return [(before.features, after.features) for before, after in pairs]


def test_a_step_scales_and_adds_and_leaves_the_rest(pool: Pool) -> None:
    for before, after in changed(pool, Transform("temp", scale=5 / 9, add=-160 / 9)):
        old = before[TEMP]
        assert after[TEMP] == (None if old is None else pytest.approx((old - 32) * 5 / 9, abs=1e-5))
        assert after[:TEMP] == before[:TEMP]


def test_a_step_applies_to_the_flights_it_names(pool: Pool) -> None:
    for before, after in changed(pool, Transform("dep_delay", add=60, where=Where(origin="EWR"))):
        moved = 60 if before[NAMES.index("origin_c")] == ORIGINS.index("EWR") else 0
        assert after[DELAY] == pytest.approx((before[DELAY] or 0) + moved)


def test_shares_are_exact_over_short_stretches(pool: Pool) -> None:
    for step in (Transform("distance", null_share=0.3), Transform("distance", fill=-1, share=0.3)):
        hits = [after[DISTANCE] in (None, -1) for _, after in changed(pool, step)]
        assert all(abs(sum(hits[begin : begin + 100]) - 30) <= 3 for begin in range(0, 1000, 100))


def test_two_features_trade_places_and_hours_wrap(pool: Pool) -> None:
    block = NAMES.index("block")
    for before, after in changed(pool, Transform("block", swap="distance"), 20):
        assert (after[block], after[DISTANCE]) == (before[DISTANCE], before[block])
    for before, after in changed(pool, Transform("sched_hour", add=4, wrap=24), 200):
        assert after[HOUR] == pytest.approx(((before[HOUR] or 0) + 4) % 24)


def test_codes_get_another_meaning_and_signs_go(pool: Pool) -> None:
    origin = NAMES.index("origin_c")
    for before, after in changed(pool, Transform("origin_c", codes=(1, 2, 0)), 50):
        assert after[origin] == (1.0, 2.0, 0.0)[int(before[origin] or 0)]
    for before, after in changed(pool, Transform("dep_delay", absolute=True), 50):
        assert after[DELAY] == abs(before[DELAY] or 0)


def test_a_stale_value_is_that_of_an_earlier_flight_of_the_same_origin(pool: Pool) -> None:
    changes = Changes([Transform("temp", stale_hours=24)], pool)
    index = 20_000
    values: list[float | None] = [*pool.features[index].tolist()]
    changes.apply(index, values)
    earlier = [
        row
        for row in range(index)
        if pool.origins[row] == pool.origins[index] and pool.pushback[row] <= pool.pushback[index] - 86_400
    ]
    assert values[TEMP] == pytest.approx(float(pool.features[earlier[-1], TEMP]))


def test_a_mix_keeps_the_flights_it_names_and_a_share_of_the_others(pool: Pool) -> None:
    assert {flight.id.split("-")[2] for flight in first(pool, 300, mix=Mix(origin="LGA"))} == {"LGA"}
    assert {flight.id.split("-")[1] for flight in first(pool, 300, mix=Mix(days="weekend"))} <= {
        f"10{day:02d}" for day in (5, 6, 12, 13, 19, 20, 26, 27, 4, 11, 18, 25, 7, 14, 21, 28)
    }
    short = [flight.features[DISTANCE] for flight in first(pool, 3000, mix=Mix(most_miles=700, others=0.5))]
    plain = [flight.features[DISTANCE] for flight in first(pool, 3000)]
    share, before = (sum((miles or 0) <= 700 for miles in own) / 3000 for own in (short, plain))
    assert share == pytest.approx(2 * before / (1 + before), abs=0.04)


def test_a_day_of_storm_comes_in_the_order_of_time_and_then_the_pool_goes_on() -> None:
    source = Source(1, (), load_pool)
    source.prepare(Plan(insert=("0308",)))()
    storm = load_pool("storms")
    count = int(np.sum(storm.month_day == 308))
    flights = list(itertools.islice(source, count + 50))
    assert [flight.id for flight in flights[:count]] == [name for name in storm.ids if "-0308-" in name]
    assert all("-10" in flight.id for flight in flights[count:])
    with pytest.raises(ValueError, match="no pool has flights of 0101"):
        source.prepare(Plan(insert=("0101",)))


def test_rates_follow_their_shape() -> None:
    wave = Schedule(100, 0.0, Wave(period_seconds=40, swing=0.5))
    counts = [sum(len(wave.due(second + step / 10)) for step in range(1, 11)) for second in range(40)]
    assert sum(counts) == pytest.approx(4000, rel=0.01)
    assert max(counts) == pytest.approx(150, abs=3)
    assert min(counts) == pytest.approx(50, abs=3)
    burst = Schedule(10, 0.0, Burst(every_seconds=20, burst_seconds=5, times=4))
    counts = [len(burst.due(float(second))) for second in range(1, 41)]
    assert sum(counts[:15]) == pytest.approx(150, abs=2)
    assert sum(counts[16:20]) == pytest.approx(160, abs=2)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "truncated"),
        (b'{"rate": 5}', "rate"),
        (b'{"rate_rps": 0}', r"\$\.rate_rps"),
        (b'{"shape": {"kind": "square"}}', "square"),
        (b'{"insert": ["march"]}', r"\$\.insert"),
    ],
)
def test_a_plan_that_is_none_is_refused_by_its_place(body: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_plan(body)


async def test_a_plan_is_put_and_counted_and_told_to_nobody() -> None:
    followed: list[Plan] = []

    async def follow(plan: Plan) -> None:
        if plan.pool == "none":
            raise ValueError("no pool is named 'none'")
        followed.append(plan)

    metrics = FeedMetrics("1.0.0")
    app = FeedApp(TruthQueue(40), metrics, lambda: 0.0, follow)

    async def put(document: object, method: str = "PUT") -> int:
        return (await app.handle(Request(method, "/plan", {}, json.dumps(document).encode(), 0.0))).status

    assert await put({"pool": "busy", "rate_rps": 80, "shape": {"kind": "wave"}}) == 200
    assert await put({"pool": "none"}) == 422
    assert await put({"speed": 1}) == 422
    assert await put({}, "GET") == 405
    assert [(plan.pool, plan.rate_rps, plan.shape) for plan in followed] == [("busy", 80, Wave())]
    assert metrics.registry.get_sample_value("feed_plans_total") == 1
