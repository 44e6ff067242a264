"""HTTP/1.1 cut out of a stream, however the bytes come."""

from __future__ import annotations

import asyncio

import pytest
from test_flow_wire import echo, raw, serving

from stack.wire.client import NoAnswer, Pool
from stack.wire.message import MAX_BODY, MessageError
from stack.wire.parser import Message, Parser
from stack.wire.server import MAX_WAITING, Request, Response, json_response

STREAM = (
    b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"
    b"GET /b HTTP/1.1\r\nhost: x\r\n\r\n"
    b"POST /c HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n"
    b"POST /d HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nz\r\n0\r\na: b\r\nc: d\r\n\r\n"
    b"GET /e HTTP/1.1\r\n\r\n"
)


def taken(parser: Parser) -> list[Message]:
    found = []
    while (message := parser.take()) is not None:
        found.append(message)
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, len(STREAM)])
def test_messages_are_the_same_whatever_the_pieces(size: int) -> None:
    parser, found = Parser(answers=False), []
    for start in range(0, len(STREAM), size):
        parser.feed(STREAM[start : start + size])
        found += taken(parser)
    assert [(one.head.line.split()[1], one.body) for one in found] == [
        ("/a", b"hello"), ("/b", b""), ("/c", b"abcde"), ("/d", b"z"), ("/e", b""),
    ]  # fmt: skip
    assert not parser.began
    assert parser.end() is None


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"x" * 20_000, 431),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + b"1" * 2000, 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n7fffffff\r\n", 413),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 4000, 431),
        (b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY + 1), 413),
        (b"POST / HTTP/1.1\r\ncontent-length: 999999999999999999999\r\n\r\n", 413),
    ],
)
def test_what_is_malformed_or_too_long_is_refused(data: bytes, status: int) -> None:
    parser = Parser(answers=False)
    parser.feed(data)
    with pytest.raises(MessageError) as refused:
        taken(parser)
    assert refused.value.status == status


def test_many_small_chunks_together_are_bounded() -> None:
    parser = Parser(answers=False)
    parser.feed(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for _ in range(MAX_BODY // 0x10000):
        parser.feed(piece)
        taken(parser)
    parser.feed(piece)
    with pytest.raises(MessageError, match="longer than"):
        taken(parser)


def test_an_answer_without_length_ends_with_the_connection() -> None:
    parser = Parser(answers=True)
    parser.feed(b"HTTP/1.1 200 OK\r\n\r\nhal")
    parser.feed(b"f")
    assert parser.take() is None
    message = parser.end()
    assert message is not None
    assert (message.body, message.framed) == (b"half", False)
    parser = Parser(answers=True)
    parser.feed(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert parser.take() is not None


async def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    async with serving(echo) as (_, address):
        many = b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(20))
        answer = await raw(address, many + b"GET /last HTTP/1.1\r\nconnection: close\r\n\r\n")
        order = [int(part.split(b'"')[0]) for part in answer.split(b'"/')[1:-1]]
        assert order == list(range(20))
        assert b'"/last"' in answer


async def test_a_connection_is_not_read_from_while_too_much_waits() -> None:
    go_on = asyncio.Event()

    async def slow(request: Request) -> Response:
        await go_on.wait()
        return json_response(len(request.body))

    async with serving(slow) as (server, address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        one = b"POST / HTTP/1.1\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000
        writer.write(one * 30)
        async with asyncio.timeout(10):
            while not any(connection._transport.is_reading() is False for connection in server._connections):
                await asyncio.sleep(0.01)
        waiting = max(connection._parser.waiting for connection in server._connections)
        assert waiting <= 3 * MAX_WAITING
        go_on.set()
        async with asyncio.timeout(10):
            for _ in range(30):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                assert await reader.readexactly(6) == b"100000"
        writer.close()


async def test_a_sender_that_asks_is_told_once_to_go_on() -> None:
    async with serving(echo) as (_, address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"POST / HTTP/1.1\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 4\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ab")
        writer.write(b"cd")
        assert (await reader.read()).count(b"HTTP/1.1") == 1
        writer.close()


async def test_a_sender_that_has_said_all_gets_its_answers_and_the_end() -> None:
    async with serving(echo) as (server, address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
        writer.write_eof()
        async with asyncio.timeout(10):
            assert (await reader.read()).count(b"HTTP/1.1 200") == 2
            while server._connections:
                await asyncio.sleep(0.01)
        writer.close()


async def test_a_cancelled_request_leaves_no_connection_to_be_used_again() -> None:
    async def hang(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(hang) as (server, address):
        pool = Pool(address)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pool.ask("GET", "/")
        assert pool._idle == []
        await server.close(0)
        with pytest.raises(NoAnswer):
            await pool.ask("GET", "/")
