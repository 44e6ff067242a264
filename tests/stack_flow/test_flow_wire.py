"""The HTTP server and client that the components speak through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stack.common.listening import listen
from stack.wire.client import Address, BrokenAnswer, NoAnswer, Pool
from stack.wire.server import Handler, Request, Response, Server, json_response

LOG = logging.getLogger("wire-test")


async def echo(request: Request) -> Response:
    return json_response([request.method, request.path, dict(request.query), request.body.decode()])


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[tuple[Server, Address]]:
    listener = listen("127.0.0.1", 0)
    address = Address("127.0.0.1", listener.getsockname()[1])
    server = Server(handler, LOG)
    await server.start(listener)
    try:
        yield server, address
    finally:
        await server.close(0.2)


async def raw(address: Address, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    return answer


async def scripted(answer: bytes) -> tuple[asyncio.Server, Address]:
    """A server that reads a head, writes these bytes, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, Address("127.0.0.1", server.sockets[0].getsockname()[1])


async def test_requests_share_one_connection_and_keep_their_order() -> None:
    async with serving(echo) as (server, address):
        pool = Pool(address)
        for number in range(3):
            answer = await pool.ask("POST", f"/a%20b?n={number}", b"body")
            assert answer.status == 200
            assert answer.body == b'["POST","/a b",{"n":"%d"},"body"]' % number
        assert len(server._connections) == 1
        pool.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: -2\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", b"501"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", b"431"),
    ],
)
async def test_malformed_requests_are_refused(data: bytes, status: bytes) -> None:
    async with serving(echo) as (_, address):
        answer = await raw(address, data)
        assert answer.split(b" ")[1] == status
        assert b"connection: close" in answer


async def test_chunked_requests_and_old_clients_are_served() -> None:
    async with serving(echo) as (_, address):
        chunked = await raw(
            address,
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n",
        )
        assert chunked.endswith(b'"abcde"]')
        assert (await raw(address, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert (await raw(address, b"HEAD / HTTP/1.0\r\n\r\n")).endswith(b"\r\n\r\n")


async def test_a_failing_handler_answers_500_and_the_server_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/bad":
            raise RuntimeError("boom")
        return json_response("ok")

    async with serving(handler) as (_, address):
        pool = Pool(address)
        assert (await pool.ask("GET", "/bad")).status == 500
        assert (await pool.ask("GET", "/")).status == 200
        pool.close()
    assert "boom" in caplog.text


async def test_closing_lets_the_request_in_flight_finish() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def handler(_: Request) -> Response:
        entered.set()
        await go_on.wait()
        return json_response("late but whole")

    async with serving(handler) as (server, address):
        pool = Pool(address)
        asking = asyncio.create_task(pool.ask("GET", "/"))
        await entered.wait()
        closing = asyncio.create_task(server.close(10.0))
        await asyncio.sleep(0)
        go_on.set()
        assert (await asking).body == b'"late but whole"'
        await closing
        with pytest.raises(NoAnswer):
            await pool.ask("GET", "/")
        pool.close()


async def test_a_retired_server_ends_each_connection_but_takes_new_ones() -> None:
    async with serving(echo) as (server, address):
        pool = Pool(address)
        assert (await pool.ask("GET", "/")).headers["connection"] == "keep-alive"
        server.retire()
        answer = await pool.ask("GET", "/")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        pool.close()


async def test_no_answer_and_broken_answers_are_told_apart() -> None:
    cases: list[tuple[bytes, type[Exception]]] = [
        (b"", NoAnswer),
        (b"HTTP/1.1 200 OK\r\ncontent-le", BrokenAnswer),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", BrokenAnswer),
        (b"garbage\r\n\r\n", BrokenAnswer),
    ]
    for data, kind in cases:
        server, address = await scripted(data)
        with pytest.raises(kind):
            await Pool(address).ask("GET", "/")
        server.close()
        await server.wait_closed()


async def test_a_body_without_length_is_read_to_the_end() -> None:
    server, address = await scripted(b"HTTP/1.1 200 OK\r\n\r\nall of it")
    assert (await Pool(address).ask("GET", "/")).body == b"all of it"
    server.close()
    await server.wait_closed()


def test_addresses_are_read_with_and_without_scheme() -> None:
    assert Address.parse("http://10.0.0.1:80/") == Address("10.0.0.1", 80)
    assert str(Address.parse("[::1]:8080")) == "[::1]:8080"
    with pytest.raises(ValueError):
        Address.parse("nowhere")
