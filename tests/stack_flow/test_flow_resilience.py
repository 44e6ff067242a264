"""What the gateway does when replicas fail, hang, or are too few."""

from __future__ import annotations

import asyncio
import json

import pytest
from gateway_rig import NOWHERE, SERVICE, Gateway, answering, gateway_to, never, prediction, settled
from test_flow_wire import serving

from stack.common.errors import StartError
from stack.gateway.breaker import Breaker, BreakerState
from stack.gateway.budget import RetryBudget
from stack.gateway.settings import GatewaySettings, settings_from
from stack.wire.endpoints import Endpoint
from stack.wire.server import Request, Response, error_response


def test_a_retry_budget_follows_the_requests_of_its_window() -> None:
    budget = RetryBudget(ratio=0.1, reserve=0)
    for _ in range(50):
        budget.requested(100.0)
    assert [budget.take(101.0) for _ in range(6)] == [True] * 5 + [False]
    for _ in range(10):
        budget.requested(105.0)
    assert [budget.take(105.5) for _ in range(2)] == [True, False]
    assert [budget.take(110.5) for _ in range(2)] == [False, False]
    assert RetryBudget(ratio=0, reserve=0.1).take(7.0)


async def test_retries_end_with_their_budget() -> None:
    settings = GatewaySettings(retry_ratio=0.1, retry_reserve=0, eject_after=0)
    async with serving(answering("1")) as (_, address):
        gateway = Gateway(settings=settings)
        gateway.serve(SERVICE, Endpoint("alive", address, "1"), Endpoint("gone", NOWHERE, "1"))
        statuses = await gateway.ask_often(80)
        granted = gateway.value("gateway_retries_total", outcome="granted")
        denied = gateway.value("gateway_retries_total", outcome="denied")
        assert granted is not None
        assert granted <= 8
        assert granted + (denied or 0) == 40
        assert statuses.count(502) == denied
        gateway.router.close()


async def test_other_outcomes_are_retried_where_the_settings_say_so() -> None:
    async def busy(_: Request) -> Response:
        return error_response(503, "busy")

    for retry_on, wanted in ((frozenset({"unreachable"}), {200, 503}), (frozenset({"503"}), {200})):
        settings = GatewaySettings(retry_on=retry_on, eject_after=0)
        async with gateway_to(busy, answering("1"), gateway=Gateway(settings=settings)) as gateway:
            assert set(await gateway.ask_often(6)) == wanted


def test_a_breaker_opens_waits_longer_each_time_and_heals_by_one_request() -> None:
    breaker = Breaker(after=3, base_seconds=5.0)
    assert [breaker.failed(0.0, may_open=True) for _ in range(3)] == [False, False, True]
    assert not breaker.allows(4.9)
    assert breaker.allows(5.0)
    breaker.began()
    assert (breaker.state, breaker.allows(6.0)) == (BreakerState.HALF_OPEN, False)
    assert breaker.failed(6.0, may_open=False)
    assert not breaker.allows(15.9)
    assert breaker.allows(16.0)
    breaker.began()
    assert breaker.succeeded()
    assert (breaker.state, breaker.allows(16.0)) == (BreakerState.CLOSED, True)
    assert not Breaker(after=0, base_seconds=1.0).failed(0.0, may_open=True)
    assert not breaker.failed(17.0, may_open=False)


async def test_a_failing_replica_loses_its_turn_and_gets_it_back() -> None:
    broken = True

    async def flaky(_: Request) -> Response:
        return error_response(500, "it broke") if broken else prediction("1")

    settings = GatewaySettings(eject_after=3, eject_seconds=0.05)
    async with gateway_to(flaky, answering("1"), gateway=Gateway(settings=settings)) as gateway:
        statuses = await gateway.ask_often(8)
        assert 3 <= statuses.count(500) <= 4
        assert gateway.value("gateway_ejections_total", track=SERVICE) is not None
        assert gateway.value("gateway_breaker_state", track=SERVICE, replica="model-1") == 0
        broken = False
        async with asyncio.timeout(10):
            while gateway.value("gateway_breaker_state", track=SERVICE, replica="model-0") != 0:
                assert set(await gateway.ask_often(2)) == {200}
                await asyncio.sleep(0.01)
        before = gateway.attempts("model-0", "200", "1") or 0
        await gateway.ask_often(4)
        assert gateway.attempts("model-0", "200", "1") == before + 2


async def test_at_most_half_of_the_replicas_are_ever_out() -> None:
    async def failing(_: Request) -> Response:
        return error_response(500, "it broke")

    settings = GatewaySettings(eject_after=1, eject_seconds=600)
    async with gateway_to(failing, failing, failing, gateway=Gateway(settings=settings)) as gateway:
        assert set(await gateway.ask_often(12)) == {500}
        states = gateway.router._tracks[SERVICE].replicas.states().values()
        assert list(states).count(BreakerState.OPEN) == 1
    async with gateway_to(failing, gateway=Gateway(settings=settings)) as gateway:
        assert set(await gateway.ask_often(4)) == {500}
        assert gateway.value("gateway_breaker_state", track=SERVICE, replica="model-0") == 0


async def test_what_is_too_much_is_turned_away_at_once() -> None:
    go_on = asyncio.Event()

    async def slow(_: Request) -> Response:
        await go_on.wait()
        return prediction("1")

    async with gateway_to(slow, gateway=Gateway(settings=GatewaySettings(most_in_flight=2))) as gateway:
        asking = [asyncio.create_task(gateway.ask()) for _ in range(2)]
        await settled("two requests are in flight", lambda: gateway.app._admission.in_flight == 2)
        answer = await gateway.ask()
        assert (answer.status, answer.headers) == (503, (("retry-after", "1"),))
        assert json.loads(answer.body) == {"error": "too many requests are in flight"}
        assert gateway.value("gateway_shed_requests_total") == 1
        assert (await gateway.ask("/livez")).status == 200
        go_on.set()
        assert [(await one).status for one in asking] == [200, 200]
        assert (await gateway.ask()).status == 200


async def test_the_time_that_is_left_is_told_to_replicas_and_callers_may_ask_for_less() -> None:
    told: list[float] = []

    async def listening(request: Request) -> Response:
        told.append(float(request.headers["x-request-timeout-ms"]))
        assert request.headers["x-request-id"] == "abc"
        return prediction("1")

    async with gateway_to(listening) as gateway:
        await gateway.ask(headers={"x-request-id": "abc"})
        await gateway.ask(headers={"x-request-id": "abc", "x-request-timeout-ms": "800"})
        assert 0 < told[0] <= 5000
        assert 0 < told[1] <= 800
    async with gateway_to(never) as gateway:
        assert (await gateway.ask(headers={"x-request-timeout-ms": "20"})).status == 504
        for nonsense in ("soon", "-1", "0", "nan", "inf"):
            assert (await gateway.ask(headers={"x-request-timeout-ms": nonsense})).status == 400


def test_settings_come_from_the_environment_and_name_what_is_wrong() -> None:
    assert settings_from({}) == GatewaySettings()
    found = settings_from({"DEADLINE_MS": "200", "RETRY_ON": "unreachable, 503", "EJECT_AFTER": "0"})
    assert (found.deadline_seconds, found.retry_on, found.eject_after) == (0.2, {"unreachable", "503"}, 0)
    for name, value in (("MAX_IN_FLIGHT", "0"), ("RETRY_RATIO", "2"), ("RETRY_ON", "404"), ("EJECT_MS", "x")):
        with pytest.raises(StartError, match=name):
            settings_from({name: value})
