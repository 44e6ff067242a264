"""The gateway in one process, with replicas that the test controls."""

from __future__ import annotations

import asyncio
import json

import pytest
from gateway_rig import HURRY, INFER, NOWHERE, SERVICE, Gateway, answering, gateway_to, never, prediction
from test_flow_wire import LOG, serving

from stack.common.release import Audit, Reject, ServingRelease
from stack.gateway.metrics import FORGET_SECONDS
from stack.gateway.ring import PredictionRing
from stack.wire.endpoints import Endpoint, follow, parse_listing
from stack.wire.server import Request, Response, error_response, json_response


async def test_replicas_take_turns_and_are_counted_by_version() -> None:
    async with gateway_to(answering("1"), answering("2")) as gateway:
        for _ in range(4):
            assert (await gateway.ask()).status == 200
        assert gateway.attempts("model-0", "200", "1") == 2
        assert gateway.attempts("model-1", "200", "2") == 2
        assert gateway.answers("200") == 4


async def test_without_replicas_it_answers_503_and_is_not_ready() -> None:
    gateway = Gateway()
    answer = await gateway.ask()
    assert (answer.status, json.loads(answer.body)) == (503, {"error": "no replica is ready"})
    assert (await gateway.ask("/healthz")).status == 503
    assert (await gateway.ask("/livez")).status == 200


async def test_the_deadline_covers_the_whole_request() -> None:
    async with gateway_to(never, gateway=Gateway(settings=HURRY)) as gateway:
        answer = await gateway.ask()
        assert (answer.status, json.loads(answer.body)) == (504, {"error": "no answer within the deadline of 50 ms"})
        assert gateway.attempts("model-0", "deadline", "unknown") == 1
        assert gateway.answers("504") == 1


async def test_an_audit_counts_against_the_deadline() -> None:
    release = ServingRelease(audit=Audit(share=1.0, wait_ms=60_000))
    async with gateway_to(answering("1"), gateway=Gateway(release, HURRY)) as gateway:
        assert (await gateway.ask()).status == 504


async def test_a_rejecting_release_refuses_its_share() -> None:
    release = ServingRelease(reject=Reject(share=0.5, status=429))
    async with gateway_to(answering("1"), gateway=Gateway(release)) as gateway:
        statuses = [(await gateway.ask()).status for _ in range(20)]
        assert set(statuses) == {200, 429}
        assert 8 <= statuses.count(429) <= 12


async def test_an_unreachable_replica_is_answered_for_by_another() -> None:
    async with serving(answering("1")) as (_, address):
        gateway = Gateway()
        gateway.serve(SERVICE, Endpoint("alive", address, "1.0.0"), Endpoint("gone", NOWHERE, "1.0.0"))
        assert [(await gateway.ask()).status for _ in range(4)] == [200] * 4
        assert gateway.attempts("gone", "unreachable", "unknown") == 2
        assert gateway.value("gateway_retries_total", outcome="granted") == 2
        gateway.router.close()


async def test_where_no_replica_can_be_reached_it_answers_502() -> None:
    gateway = Gateway()
    gateway.serve(SERVICE, Endpoint("gone", NOWHERE, "1.0.0"))
    answer = await gateway.ask()
    assert answer.status == 502
    assert "gone" in json.loads(answer.body)["error"]


async def test_an_error_of_a_replica_is_passed_on_and_not_repeated() -> None:
    calls = []

    async def failing(request: Request) -> Response:
        calls.append(request.path)
        return error_response(500, "it broke")

    async with gateway_to(failing, failing) as gateway:
        answer = await gateway.ask()
        assert (answer.status, json.loads(answer.body)) == (500, {"error": "it broke"})
        assert calls == [INFER]
        assert (await gateway.ask("/predictions")).body == b'{"last":0,"predictions":[]}'


async def test_predictions_are_logged_row_by_row() -> None:
    async def batch(_: Request) -> Response:
        return prediction("2", (0.1, 0.9))

    async with gateway_to(batch) as gateway:
        await gateway.ask()
        rows = json.loads((await gateway.ask("/predictions", {"after": "0"})).body)["predictions"]
        assert [(row["seq"], row["id"], row["p"]) for row in rows] == [(1, "UA1/0", 0.1), (2, "UA1/1", 0.9)]
        assert (await gateway.ask("/predictions", {"after": "x"})).status == 400


def test_the_ring_forgets_the_oldest_and_tells_a_restart() -> None:
    ring = PredictionRing(lambda: 0.0, capacity=3)
    for number in range(5):
        ring.add(f"id{number}", 0.5, "1", "a")
    assert [row["seq"] for row in json.loads(ring.after(0))["predictions"]] == [3, 4, 5]
    assert [row["id"] for row in json.loads(ring.after(4))["predictions"]] == ["id4"]
    assert json.loads(ring.after(5)) == {"last": 5, "predictions": []}
    assert json.loads(ring.after(999)) == {"last": 5, "predictions": []}


async def test_series_of_a_replica_go_some_time_after_it() -> None:
    async with gateway_to(answering("1")) as gateway:
        await gateway.ask()
        gateway.serve(SERVICE, at=100.0)
        assert gateway.attempts("model-0", "200", "1") == 1
        gateway.metrics.changed((), now=100.0 + FORGET_SECONDS)
        assert gateway.attempts("model-0", "200", "1") is None


async def test_a_list_of_endpoints_outlives_the_register() -> None:
    """While discovery fails, the last list stays; when it is back, changes arrive again."""
    document: dict[str, object] = {"version": 7, "endpoints": [{"address": "10.0.0.1:80", "pod": "a", "release": "1"}]}
    broken = False
    seen: list[tuple[Endpoint, ...]] = []
    asked = asyncio.Event()

    async def discovery(request: Request) -> Response:
        if not broken and request.query["after"] == str(document["version"]):
            asked.set()
            await asyncio.sleep(0.01)
        return error_response(503, "not now") if broken else json_response(document)

    async with serving(discovery) as (_, address):
        following = asyncio.create_task(follow(address, "model-server", seen.append, LOG))
        async with asyncio.timeout(10):
            await asked.wait()
            assert [endpoint.pod for endpoint in seen[0]] == ["a"]
            broken = True
            await asyncio.sleep(0.05)
            assert len(seen) == 1
            broken, document = False, {"version": 9, "endpoints": []}
            while len(seen) < 2:
                await asyncio.sleep(0.01)
        assert seen[1] == ()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def test_a_listing_that_is_none_is_refused() -> None:
    for body in (b"{}", b"[]", b'{"endpoints": [{}]}', b"nonsense"):
        with pytest.raises(ValueError):
            parse_listing(body)
