"""The feed: when it sends, how it judges, and when it tells the truth."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from test_flow_wire import serving

from stack.data.pool import Pool as FlightPool
from stack.data.pool import load_pool
from stack.feed.metrics import FeedMetrics
from stack.feed.outcome import Outcome, read_answer
from stack.feed.replay import Flight, replay, request_body
from stack.feed.schedule import Schedule
from stack.feed.sender import Limits, Sender
from stack.feed.truth import MEDIAN_DELAY_REQUESTS, TruthQueue
from stack.wire.client import Address, Pool
from stack.wire.server import Handler, Request, Response, error_response, json_response


@pytest.fixture(scope="module")
def pool() -> FlightPool:
    return load_pool("calm")


def answer(flight_id: str, value: object = 0.5, shape: object = (1,)) -> bytes:
    output = {"name": "probability", "shape": shape, "datatype": "FP32", "data": [value]}
    document = {"id": flight_id, "model_version": "2", "outputs": [output], "parameters": {"sha256": "ab"}}
    return json.dumps(document).encode()


def test_requests_are_evenly_spaced_and_each_comes_due_once() -> None:
    schedule = Schedule(40, now=100.0)
    times = [due for step in range(1, 102) for due in schedule.due(100.0 + step / 100)]
    assert len(times) == 40
    assert np.allclose(np.diff(times), 1 / 40)


def test_a_short_delay_is_caught_up_and_a_long_sleep_is_not() -> None:
    schedule = Schedule(40, now=0.0)
    assert len(schedule.due(0.81)) == 32
    assert len(schedule.due(3600.0)) == 1
    assert len(schedule.due(3600.51)) == 20


def test_a_seed_decides_the_order_and_every_flight_comes_before_one_repeats(pool: FlightPool) -> None:
    def first(seed: int, count: int) -> list[str]:
        return [flight.id for flight in itertools.islice(replay(pool, seed), count)]

    assert first(1, 50) == first(1, 50)
    assert first(1, 50) != first(2, 50)
    once = first(3, len(pool))
    assert sorted(once) == sorted(pool.ids)


def test_a_request_holds_twelve_numbers_and_null_for_what_is_missing() -> None:
    flight = Flight(id="UA1", features=(1.5, None, *[0.0] * 10), late=True, lag=1.0)
    document = json.loads(request_body(flight))
    tensor = document["inputs"][0]
    assert (document["id"], tensor["name"], tensor["shape"], tensor["datatype"]) == ("UA1", "features", [1, 12], "FP32")
    assert tensor["data"][:3] == [1.5, None, 0.0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        answer("other"),
        answer("UA1", 1.5),
        answer("UA1", -0.1),
        answer("UA1", "0.5"),
        answer("UA1", None),
        answer("UA1", 0.5, (1, 1)),
        answer("UA1", 0.5, (2,)),
        answer("UA1").replace(b"probability", b"score"),
        answer("UA1").replace(b"FP32", b"INT8"),
    ],
)
def test_what_is_no_probability_for_the_flight_is_invalid(body: bytes) -> None:
    assert read_answer(body, "UA1") is None


def test_a_probability_is_read_with_the_version_that_gave_it() -> None:
    found = read_answer(answer("UA1", 0.25), "UA1")
    assert found is not None
    assert (found.probability, found.model_version, found.sha256) == (0.25, "2", "ab")


def test_truths_come_late_in_proportion_to_the_real_delay(pool: FlightPool) -> None:
    queue = TruthQueue(40)
    flights = list(itertools.islice(replay(pool, 1), 1000))
    for number, flight in enumerate(flights):
        queue.add(flight.id, flight.late, flight.lag, number / 40)
    known = {}
    for tick in range(2000):
        before = queue.last
        queue.settle(tick / 40)
        known.update({truth.id: tick for truth in queue.after(before)})
    delays = [known[flight.id] - number for number, flight in enumerate(flights)]
    assert abs(float(np.median(delays)) - MEDIAN_DELAY_REQUESTS) < 15
    late = [delay for delay, flight in zip(delays, flights, strict=True) if flight.late]
    assert float(np.mean(late)) > float(np.mean(delays))
    assert [truth.seq for truth in queue.after(990)] == list(range(991, 1001))
    assert json.loads(queue.document(5000)) == {"last": 1000, "truths": []}


class Feed:
    """A feed whose gateway is the test's."""

    def __init__(self, address: Address, limits: Limits, log_every: int = 1000) -> None:
        self.metrics = FeedMetrics("1.0.0")
        self.pool = Pool(address)
        flights = (Flight(f"UA{n}", (0.0,) * 12, False, 1.0) for n in itertools.count())
        log = logging.getLogger("feed-test")
        self.truth = TruthQueue(40)
        self.sender = Sender(self.pool, flights, limits, self.truth, self.metrics, log, log_every)

    def count(self, outcome: Outcome) -> float:
        value = self.metrics.registry.get_sample_value("feed_requests_total", {"outcome": outcome.value})
        return value or 0.0

    def total(self) -> float:
        return sum(self.count(outcome) for outcome in Outcome)

    async def offer(self, count: int = 1) -> None:
        """Plan so many requests now."""
        for _ in range(count):
            self.sender._send(asyncio.get_running_loop().time())

    async def reach(self, count: int) -> None:
        """Wait until so many requests are decided."""
        async with asyncio.timeout(10):
            while self.total() < count:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def feed_to(handler: Handler, slo: float = 5.0, give_up: float = 10.0) -> AsyncIterator[Feed]:
    async with serving(handler) as (_, address):
        feed = Feed(address, Limits(slo, give_up))
        yield feed
        await feed.sender.finish(0.1)
        feed.pool.close()


async def good(request: Request) -> Response:
    if request.method == "GET":
        return json_response({})
    return Response(200, answer(json.loads(request.body)["id"]))


async def test_a_slow_request_is_decided_when_the_limit_passes_and_holds_nothing_back() -> None:
    release = asyncio.Event()

    async def handler(request: Request) -> Response:
        if json.loads(request.body)["id"] == "UA0":
            await release.wait()
        return await good(request)

    async with feed_to(handler, slo=0.3) as feed:
        await feed.offer(4)
        await feed.reach(4)
        assert (feed.count(Outcome.SLOW), feed.count(Outcome.GOOD)) == (1, 3)
        assert feed.metrics.registry.get_sample_value("feed_request_duration_seconds_count") == 3
        release.set()
        await feed.sender.finish(5.0)
        assert feed.total() == 4
        assert feed.metrics.registry.get_sample_value("feed_request_duration_seconds_count") == 4
        answers = feed.metrics.registry.get_sample_value("feed_answers_total", {"model_version": "2", "sha256": "ab"})
        assert answers == 4
        assert feed.metrics.registry.get_sample_value("feed_planned_requests_total") == 4


async def test_refusals_and_nonsense_are_told_apart() -> None:
    async def handler(request: Request) -> Response:
        name = json.loads(request.body)["id"]
        return (
            error_response(503, "no") if name == "UA0" else json_response({}) if name == "UA1" else await good(request)
        )

    async with feed_to(handler) as feed:
        await feed.offer(3)
        await feed.reach(3)
        assert [feed.count(kind) for kind in (Outcome.ERROR, Outcome.INVALID, Outcome.GOOD)] == [1, 1, 1]


async def test_giving_up_before_the_limit_is_a_timeout_and_nobody_there_is_an_error() -> None:
    async def never(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with feed_to(never, slo=5.0, give_up=0.05) as feed:
        await feed.offer()
        await feed.reach(1)
        assert feed.count(Outcome.TIMEOUT) == 1
    nowhere = Feed(Address("127.0.0.1", 1), Limits(5.0, 10.0))
    await nowhere.offer()
    await nowhere.reach(1)
    assert nowhere.count(Outcome.ERROR) == 1


async def test_it_sends_at_the_planned_rate_and_logs_one_in_so_many(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "feed-test")
    async with serving(good) as (_, address):
        feed = Feed(address, Limits(5.0, 10.0), log_every=5)
        await feed.sender.await_gateway()
        running = asyncio.create_task(feed.sender.run(Schedule(200, asyncio.get_running_loop().time())))
        await feed.reach(20)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await feed.sender.finish(5.0)
        feed.pool.close()
    lines = [record.getMessage() for record in caplog.records if record.name == "feed-test"]
    assert len(lines) == int(feed.total()) // 5
    assert lines[0].startswith("request id=UA4 outcome=good ms=")
