"""HTTP/1.1 as the model server speaks it: framing, limits, deadlines and the end of connections."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry
from stack_model_malformed import INFER, bombard, document, parse, post, send

from stack.common.listening import listen
from stack.common.release import Audit, ServingRelease
from stack.model_server.application import create_application
from stack.model_server.scorer import Scorer
from stack.model_server.server import Deadlines, Server
from stack.model_server.service import Service
from stack.registry.versions import resolve

LOG = logging.getLogger("test of the server")
BODY = json.dumps(document()).encode()


@dataclass(frozen=True, slots=True)
class Running:
    """A server in this process."""

    service: Service
    server: Server
    port: int


async def run(release: ServingRelease, deadlines: Deadlines) -> Running:
    scorer = Scorer.load(resolve("champion"))
    service = Service(scorer, release, CollectorRegistry(), time.perf_counter, LOG)
    server = Server(service, create_application(service), LOG, time.time, deadlines)
    listener = listen("127.0.0.1", 0)
    port = int(listener.getsockname()[1])
    await server.start(listener)
    service.open()
    return Running(service, server, port)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = await run(ServingRelease(), Deadlines())
    yield running
    await running.server.close(5)


@pytest.fixture
async def hasty() -> AsyncIterator[Running]:
    """A server that soon loses its patience, with requests that take a moment."""
    running = await run(
        ServingRelease(audit=Audit(share=1.0, wait_ms=300)), Deadlines(request=0.2, idle=0.2, linger=0.2)
    )
    yield running
    await running.server.close(5)


async def test_pipelined_requests_are_answered_in_order(running: Running) -> None:
    bodies = [json.dumps(document() | {"id": str(place)}).encode() for place in range(200)]
    health = b"GET /v2/health/live HTTP/1.1\r\nhost: a\r\n\r\n"
    replies = await send(running.port, b"".join(health + post(body) for body in bodies))
    assert [reply.status for reply in replies] == [200] * 400
    assert [json.loads(reply.body)["id"] for reply in replies[1::2]] == [str(place) for place in range(200)]
    assert all(json.loads(reply.body)["ok"] for reply in replies[::2])


async def test_a_request_may_come_byte_by_byte(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    for byte in post(BODY):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    writer.write_eof()
    assert [reply.status for reply in parse(await reader.read())] == [200]
    writer.close()


async def test_chunks_trailers_and_other_forms(running: Running) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    half = len(BODY) // 2
    chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (len(part), part) for part in (BODY[:half], BODY[half:]))
    chunked = head + chunks + b"0\r\nx-sum: 1\r\nhost: b\r\n\r\n"
    absolute = post(BODY, f"http://a{INFER}?x=1")
    encoded = post(BODY, "/v2/models/flight%2Drisk/infer")
    upgrade = post(BODY, extra="connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n")
    replies = await send(running.port, chunked + absolute + encoded + upgrade + post(BODY))
    assert [reply.status for reply in replies] == [200] * 5
    assert len({reply.body for reply in replies}) == 1


async def test_who_expects_an_invitation_gets_one(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    head, _, body = post(BODY, extra="expect: 100-continue\r\n").partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    writer.write_eof()
    assert [reply.status for reply in parse(await reader.read())] == [200]
    writer.close()


async def test_a_body_that_will_not_be_taken_is_not_invited(running: Running) -> None:
    data = post(b"", extra="expect: 100-continue\r\n", length=3_000_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(data)
    replies = parse(await reader.read())
    assert [reply.status for reply in replies] == [413]
    assert replies[0].headers["connection"] == "close"
    writer.close()


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        ("GET /v2/health/live HTTP/1.1\r\nhost: a\r\n", True),
        ("GET /v2/health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n", False),
        ("GET /v2/health/live HTTP/1.0\r\n", False),
        ("GET /v2/health/live HTTP/1.0\r\nconnection: keep-alive\r\n", True),
    ],
)
async def test_a_connection_is_kept_as_asked(running: Running, head: str, kept: bool) -> None:
    request = f"{head}\r\n".encode()
    replies = await send(running.port, request * 2)
    assert [reply.status for reply in replies] == [200] * (2 if kept else 1)
    assert kept == (replies[0].headers.get("connection", "keep-alive") == "keep-alive")


async def test_a_head_has_no_body(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"HEAD /v2/health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert (await reader.read()).endswith(b"\r\n\r\n")
    writer.close()


REFUSALS = [
    (f"GET {INFER} HTTP/1.1\r\nhost: a\r\n\r\n", 405, "scores are asked for by POST, not by GET"),
    (f"POST {INFER} HTTP/1.1\r\nhost: a\r\n\r\n", 411, "a header content-length, or chunks, must say how long"),
    (f"GET /{'a' * 5000} HTTP/1.1\r\nhost: a\r\n\r\n", 414, "the target is longer than 4096 bytes"),
    (f"GET / HTTP/1.1\r\nx: {'a' * 20_000}\r\n\r\n", 431, "the headers are longer than 16384 bytes"),
    ("GET / HTTP/1.1\r\n" + "x: a\r\n" * 4000 + "\r\n", 431, "the headers are longer than 16384 bytes"),
    (f"POST {INFER} HTTP/1.1\r\n\r\n", 400, "an HTTP/1.1 request has a header host"),
    (f"POST {INFER} HTTP/1.1\r\nhost: a\r\n", 400, "the connection closed within a request"),
    ("CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n", 405, "there are no tunnels here"),
    ("nonsense\r\n\r\n", 400, "not HTTP/1.1: Invalid method encountered"),
]


@pytest.mark.parametrize(("text", "status", "told"), REFUSALS, ids=[str(status) + told for _, status, told in REFUSALS])
async def test_what_is_not_taken_is_told(running: Running, text: str, status: int, told: str) -> None:
    replies = await send(running.port, text.encode())
    assert [reply.status for reply in replies] == [status]
    assert json.loads(replies[0].body)["error"].startswith(told)
    assert replies[0].headers.get("allow") == ("post" if status == 405 else None)


async def test_a_slow_request_is_cut(hasty: Running) -> None:
    for data, statuses in ((post(BODY)[:-5], [408]), (b"GET / HT", [408]), (b"", [])):
        reader, writer = await asyncio.open_connection("127.0.0.1", hasty.port)
        writer.write(data)
        async with asyncio.timeout(30):
            assert [reply.status for reply in parse(await reader.read())] == statuses
        writer.close()


async def test_the_deadlines_are_for_the_client_alone(hasty: Running) -> None:
    replies = await send(hasty.port, post(BODY) * 2)
    assert [reply.status for reply in replies] == [200, 200]


async def test_who_does_not_read_is_not_read(running: Running) -> None:
    """Neither the answers nor the requests of a client that takes no answers pile up."""
    _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    request = b"GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n"

    async def flood() -> None:
        while True:
            writer.write(request * 1000)
            await writer.drain()

    flooding = asyncio.create_task(flood())
    async with asyncio.timeout(30):
        while not any(connection.blocked and connection.paused for connection in running.server._connections):
            await asyncio.sleep(0.01)
    flooding.cancel()
    writer.transport.abort()
    assert [reply.status for reply in await send(running.port, post(BODY))] == [200]


async def test_a_retiring_server_ends_connections_after_their_answer(hasty: Running) -> None:
    waiting = asyncio.create_task(send(hasty.port, post(BODY)))
    while not hasty.service.in_flight:
        await asyncio.sleep(0)
    reader, writer = await asyncio.open_connection("127.0.0.1", hasty.port)
    hasty.service.drain()
    hasty.server.retire()
    writer.write(post(BODY))
    closing = asyncio.create_task(hasty.server.close(20))
    replies = [*await waiting, *parse(await reader.read())]
    assert [(reply.status, reply.headers["connection"]) for reply in replies] == [(200, "close")] * 2
    writer.close()
    await closing
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", hasty.port)


async def test_metrics_are_exact_when_read(running: Running) -> None:
    data = post(BODY) * 50 + post(b"{") * 3 + b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"
    text = (await send(running.port, data))[-1].body.decode()
    for _ in range(2):
        text = (await send(running.port, b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"))[-1].body.decode()
        assert 'request_duration_seconds_count{code="200"} 50.0' in text
        assert 'request_duration_seconds_bucket{code="400",le="+Inf"} 3.0' in text


async def test_malformed_requests_are_told_what_is_wrong(running: Running) -> None:
    assert await bombard(running.port, seed=5, count=400) == []
    assert [reply.status for reply in await send(running.port, post(BODY))] == [200]
    assert running.service.in_flight == 0
