"""Routes: who gets which request, what the shadow may and may not do, and how a worse canary loses its requests."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from gateway_rig import (
    CANARY,
    SERVICE,
    Gateway,
    answering,
    never,
    prediction,
    settled,
    tracks,
    two_routes,
)
from test_flow_wire import LOG, serving

from stack.gateway.router import sticky_point
from stack.gateway.routes import Routes, RoutesError, RoutesFile, parse_routes, single_route
from stack.gateway.settings import GatewaySettings
from stack.gateway.shadow import MOST_IN_FLIGHT
from stack.wire.client import Address
from stack.wire.endpoints import Endpoint
from stack.wire.server import Handler, Request, Response, error_response

ROLLBACK = "rollback: {enabled: true}\n"
SHADOWED = parse_routes(
    "routes: [{service: model-server, weight: 1}]\nshadow: {service: model-server-canary, share: 1}"
)


async def failing(_: Request) -> Response:
    return error_response(500, "it broke")


def gateway_with(routes: Routes, seed: int = 1) -> Gateway:
    return Gateway(routes=routes, seed=seed, settings=GatewaySettings(deadline_seconds=5.0, retry_reserve=1000))


def both(stable: Handler, canary: Handler) -> dict[str, tuple[Handler, ...]]:
    return {SERVICE: (stable,), CANARY: (canary,)}


async def test_a_canary_gets_its_share_and_is_counted_by_track_and_version() -> None:
    async with tracks(both(answering("1"), answering("2")), gateway_with(two_routes())) as gateway:
        await gateway.ask_often(600)
        share = gateway.attempts(f"{CANARY}-0", "200", "2", CANARY) or 0
        stable = gateway.attempts(f"{SERVICE}-0", "200", "1") or 0
        assert share + stable == 600
        assert 35 <= share <= 85
        assert gateway.value("gateway_route_weight", track=CANARY) == 10


async def test_sticky_requests_stay_and_only_join_when_the_canary_grows() -> None:
    def asked(client: str) -> Request:
        return Request("POST", "/", {}, b"{}", 0.0, {"x-client-id": client})

    points = [sticky_point(asked(f"desk-{number}")) for number in range(2000)]
    assert points == [sticky_point(asked(f"desk-{number}")) for number in range(2000)]
    assert 0.08 <= sum(point >= 0.9 for point in points) / 2000 <= 0.12
    by_flight = [sticky_point(Request("POST", "/", {}, b'{"id":"UA%d"}' % number, 0.0)) for number in range(50)]
    assert len(set(by_flight)) == 50
    assert sticky_point(Request("POST", "/", {}, b"\xff", 0.0)) == sticky_point(Request("POST", "/", {}, b"\xff", 0.0))
    async with tracks(both(answering("1"), answering("2")), gateway_with(two_routes("assignment: sticky"))) as gateway:
        tenth = {client for client in range(200) if await version_for(gateway, client) == "2"}
        assert tenth == {client for client in range(200) if await version_for(gateway, client) == "2"}
        gateway.router.configure(two_routes("assignment: sticky", (70, 30)), 0.0)
        assert tenth < {client for client in range(200) if await version_for(gateway, client) == "2"}


async def version_for(gateway: Gateway, client: int) -> str:
    answer = await gateway.ask(headers={"x-client-id": f"desk-{client}"})
    return str(json.loads(answer.body)["model_version"])


async def test_a_canary_without_replicas_and_one_that_cannot_be_reached_lose_no_request() -> None:
    async with tracks({SERVICE: (answering("1"),)}, gateway_with(two_routes(weights=(50, 50)))) as gateway:
        assert set(await gateway.ask_often(20)) == {200}
        gateway.serve(CANARY, Endpoint(f"{CANARY}-x-1", Address("127.0.0.1", 1), "2"))
        assert set(await gateway.ask_often(20)) == {200}
        assert (gateway.attempts(f"{CANARY}-x-1", "unreachable", "unknown", CANARY) or 0) > 0


@pytest.mark.parametrize(("value", "outcome"), [(0.27, "agreed"), (0.9, "differed")])
async def test_the_shadow_is_compared_and_never_answers(value: float, outcome: str) -> None:
    async with tracks(both(answering("1"), answering("2", [value])), gateway_with(SHADOWED)) as gateway:
        for _ in range(5):
            assert json.loads((await gateway.ask()).body)["model_version"] == "1"
        await settled("five copies were compared", lambda: counted(gateway, outcome) == 5)
        assert gateway.value("gateway_shadow_difference_count") == 5
        assert gateway.attempts(f"{CANARY}-0", "200", "2", CANARY) is None


async def test_a_shadow_that_hangs_or_fails_costs_the_callers_nothing() -> None:
    async with tracks(both(answering("1"), never), gateway_with(SHADOWED)) as gateway:
        assert set(await gateway.ask_often(MOST_IN_FLIGHT + 9)) == {200}
        assert counted(gateway, "dropped") == 9
    async with tracks(both(answering("1"), failing), gateway_with(SHADOWED)) as gateway:
        assert set(await gateway.ask_often(3)) == {200}
        await settled("three copies failed", lambda: counted(gateway, "failed") == 3)
    async with tracks({SERVICE: (answering("1"),)}, gateway_with(SHADOWED)) as gateway:
        assert set(await gateway.ask_often(3)) == {200}
        assert counted(gateway, "dropped") == 3


def counted(gateway: Gateway, outcome: str) -> float:
    return gateway.value("gateway_shadow_requests_total", outcome=outcome) or 0


async def test_a_canary_that_fails_is_taken_out_alone_and_stays_out() -> None:
    routes = two_routes(ROLLBACK, (80, 20))
    async with serving(answering("1")) as (_, good), serving(failing) as (_, bad):
        gateway = gateway_with(routes)
        gateway.serve(SERVICE, Endpoint(f"{SERVICE}-a-1", good, "1"))
        gateway.serve(CANARY, Endpoint(f"{CANARY}-b-1", bad, "2"))
        statuses = await gateway.ask_often(500)
        assert 50 <= statuses.count(500) <= 70
        assert set(statuses[-100:]) == {200}
        assert gateway.value("gateway_rollbacks_total", metric="errors") == 1
        assert gateway.value("gateway_route_weight", track=CANARY) == 0
        assert list(gateway.route(CANARY)["reverted"]) == [f"{CANARY}-b@2"]  # type: ignore[call-overload]

        gateway.router.configure(two_routes(ROLLBACK, (80, 20)), 1.0)
        gateway.serve(CANARY, Endpoint(f"{CANARY}-b-2", bad, "2"))
        assert set(await gateway.ask_often(50)) == {200}
        gateway.serve(CANARY, Endpoint(f"{CANARY}-b-2", bad, "2"), Endpoint(f"{CANARY}-c-1", good, "3"))
        assert set(await gateway.ask_often(50)) == {200}
        assert (gateway.attempts(f"{CANARY}-c-1", "200", "1", CANARY) or 0) > 0
        gateway.serve(CANARY, Endpoint(f"{CANARY}-b-2", bad, "2"))
        gateway.router.configure(two_routes(ROLLBACK, (70, 30)), 2.0)
        assert 500 in await gateway.ask_often(50)
        gateway.router.close()


async def test_without_rollback_nothing_is_taken_out() -> None:
    async with tracks(both(answering("1"), failing), gateway_with(two_routes(weights=(50, 50)))) as gateway:
        statuses = await gateway.ask_often(300)
        assert statuses[-50:].count(500) > 5
        assert gateway.route(CANARY)["evidence"] is None


async def test_a_canary_that_is_slow_is_taken_out() -> None:
    async def slow(_: Request) -> Response:
        await asyncio.sleep(0.03)
        return prediction("2")

    routes = two_routes("rollback: {enabled: true, slow_ms: 25, least_requests: 20}", (50, 50))
    async with tracks(both(answering("1"), slow), gateway_with(routes)) as gateway:
        await gateway.ask_often(200)
        assert (gateway.value("gateway_rollbacks_total", metric="slow") or 0) == 1


async def test_a_canary_that_predicts_worse_is_taken_out_once_the_truth_is_known() -> None:
    routes = two_routes(ROLLBACK, (50, 50))
    async with tracks(both(answering("1", [0.1]), answering("2", [0.7])), gateway_with(routes)) as gateway:
        for first in range(0, 400, 100):
            await gateway.ask_often(100, first)
            assert gateway.outcomes.take(truths(first, first + 100)) == first + 100
        assert gateway.value("gateway_rollbacks_total", metric="quality") == 1
        assert gateway.value("gateway_canary_evidence_ratio", metric="errors") == 0
        compared = gateway.route(CANARY)["compared"]
        assert isinstance(compared, dict)
        assert compared["canary"]["brier"] == 0.49
        assert compared["primary"]["brier"] == 0.01
    with pytest.raises(ValueError):
        gateway.outcomes.take(b"{}")


def truths(first: int, last: int) -> bytes:
    rows = [{"seq": number + 1, "id": f"F{number}", "late": 0} for number in range(first, last)]
    return json.dumps({"last": last, "truths": rows}).encode()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("routes: []", r"\$\.routes"),
        ("routes: [{service: a, weight: -1}]", r"\$\.routes\[0\]\.weight"),
        ("routes: [{service: a, weight: 0}]", "no route has a weight"),
        ("routes: [{service: a, weight: 1}, {service: a, weight: 1}]", "two routes"),
        ("routes: [{service: 'A/b', weight: 1}]", r"\$\.routes\[0\]\.service"),
        ("routes: [{service: a, weight: 1}]\nassignment: sometimes", r"\$\.assignment"),
        ("routes: [{service: a, weight: 1}]\nshadows: {}", "shadows"),
        ("routes: [{service: a, weight: 1}]\nrollback: {enabled: true, false_alarms: 0}", "false_alarms"),
        ("routes: [", "YAML"),
        ("", "object"),
    ],
)
def test_routes_that_cannot_be_used_say_where(text: str, what: str) -> None:
    with pytest.raises(RoutesError, match=what):
        parse_routes(text)


def test_a_routes_file_is_taken_when_it_changes_and_kept_when_it_breaks(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    file = RoutesFile(path, LOG)
    assert (file.changed(), file.valid) == (None, False)
    path.write_text("routes: [{service: model-server, weight: 100}]")
    assert (file.changed(), file.valid) == (single_route(SERVICE), True)
    assert file.changed() is None
    path.write_text("routes: 7")
    assert (file.changed(), file.valid) == (None, False)
    path.write_text("routes: [{service: model-server, weight: 100}]")
    assert (file.changed(), file.valid) == (single_route(SERVICE), True)


async def test_routes_can_change_under_requests() -> None:
    async with tracks(both(answering("1"), answering("2")), gateway_with(single_route(SERVICE))) as gateway:
        asking = asyncio.create_task(gateway.ask_often(300))
        for weights in ((50, 50), (10, 90), (99, 1)):
            await asyncio.sleep(0)
            gateway.router.configure(two_routes(weights=weights), 0.0)
        gateway.router.configure(single_route(CANARY), 0.0)
        gateway.router.configure(single_route(SERVICE), 0.0)
        assert gateway.router.services == {SERVICE}
        statuses = await asking
        assert set(statuses) <= {200, 503}
        assert json.loads((await gateway.ask("/routes")).body)["routes"][0]["service"] == SERVICE
