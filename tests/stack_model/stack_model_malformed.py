"""Requests that no server should fall for, drawn at random, and answers read back from the bytes of a connection."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

INFER = "/v2/models/flight-risk/infer"
ROW: list[float | None] = [-2.0, 14.0, 163.0, 820.0, 5.0, 1.0, 1.1, -7.0, None, 62.0, 10.4, 10.0]
LOCATED = re.compile(r"row \d+|inputs|id\b|outputs|parameters|the body|inference-header-content-length")
"""How a refusal of a well-formed request begins: with the place at fault."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Bytes for one connection and the statuses they may be answered with; with `cut`, also by silence."""

    kind: str
    data: bytes
    statuses: frozenset[int]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def post(body: bytes, target: str = INFER, extra: str = "", length: int | None = None) -> bytes:
    """A request as a client would send it, or not quite."""
    size = len(body) if length is None else length
    return f"POST {target} HTTP/1.1\r\nhost: a\r\n{extra}content-length: {size}\r\n\r\n".encode() + body


def document(**changes: object) -> dict[str, object]:
    """A scoring request; `changes` replace members of its tensor."""
    return {"id": "a", "inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 12], "data": ROW} | changes]}


def wrong_value(draw: random.Random) -> Attempt:
    values: list[object] = [*ROW]
    values[draw.randrange(12)] = draw.choice(["x", True, {}, [], [1.0], 1e39, -1e300, float("nan"), float("-inf"), "1"])
    return Attempt("value", post(json.dumps(document(data=values)).encode()), frozenset({422}))


def wrong_tensor(draw: random.Random) -> Attempt:
    change: dict[str, object] = draw.choice([
        {"shape": [draw.choice([-1, 0, 2, 12, 4097, 2**62]), 12]}, {"shape": [1, draw.choice([-1, 0, 11, 13])]},
        {"shape": draw.choice([[], [12], [1, 12, 1], "1x12", [1.5, 12], None])}, {"name": draw.choice(["rows", "", 5])},
        {"datatype": draw.choice(["FP64", "INT8", "", None, 1])}, {"data": [*ROW, *ROW[: draw.randrange(1, 11)]]},
        {"data": draw.choice([None, "all", {}, 3, [], [ROW, ROW], [ROW[:5]], [[[1.0]]]])},
    ])  # fmt: skip
    return Attempt("tensor", post(json.dumps(document(**change)).encode()), frozenset({422}))


def wrong_envelope(draw: random.Random) -> Attempt:
    whole = document()
    change: object = draw.choice([
        [], {}, None, 5, "text", {"inputs": []}, {"inputs": [{}]}, {"inputs": {}}, whole | {"id": 5},
        whole | {"inputs": [1]}, whole | {"outputs": [{"name": "label"}]}, whole | {"outputs": 3},
        whole | {"parameters": {"binary_data_output": "yes"}}, whole | {"parameters": []},
    ])  # fmt: skip
    return Attempt("envelope", post(json.dumps(change).encode()), frozenset({422}))


def not_json(draw: random.Random) -> Attempt:
    whole = json.dumps(document()).encode()
    text = draw.choice(
        [b"", b"\xff" * 50, draw.randbytes(200), b"[" * 20_000, b'{"a":' * 20_000, whole + b"}", b"\x00" + whole]
    )
    return Attempt("not JSON", post(text), frozenset({400, 422}))


def cut_json(draw: random.Random) -> Attempt:
    whole = json.dumps(document()).encode()
    return Attempt("cut JSON", post(whole[: draw.randrange(1, len(whole))]), frozenset({400}))


def wrong_binary(draw: random.Random) -> Attempt:
    size: object = draw.choice([48, 47, 0, -1, 2**40, "48", True, None])
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, 12], "parameters": {"binary_data_size": size}}
    if size is None:
        del tensor["parameters"]
    head = json.dumps({"inputs": [tensor]}).encode()
    length = draw.choice([len(head), 0, 1, len(head) + 1000])
    tail = b"\x00\x00\x80\x7f" * 12 if size == 48 and length == len(head) else draw.randbytes(draw.randrange(40))
    extra = f"inference-header-content-length: {length}\r\n"
    return Attempt("binary", post(head + tail, extra=extra), frozenset({400, 422}))


def wrong_target(draw: random.Random) -> Attempt:
    target = draw.choice([
        "/v2/models/other/infer", "/v2/models/flight-risk/versions/99/infer", "/v2/models/%2e%2e/infer", "/",
        "/v2/models/flight-risk/infer/", "/v2//models/flight-risk/infer", "/..%2f..%2fetc/passwd", "/v2/models//infer",
    ])  # fmt: skip
    return Attempt("target", post(json.dumps(document()).encode(), target), frozenset({404}))


def wrong_method(draw: random.Random) -> Attempt:
    method = draw.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
    return Attempt("method", f"{method} {INFER} HTTP/1.1\r\nhost: a\r\n\r\n".encode(), frozenset({405}))


def wrong_framing(draw: random.Random) -> Attempt:
    body = json.dumps(document()).encode()
    head = f"POST {INFER} HTTP/1.1\r\n".encode()
    data = draw.choice([
        head + b"host: a\r\n\r\n", head + b"content-length: 2\r\n\r\n{}", head + b"host: a\r\nhost: b\r\n\r\n",
        post(body, extra="content-length: 3\r\n"), post(body, extra="transfer-encoding: chunked\r\n"),
        post(body, extra="transfer-encoding: gzip\r\n"), post(body, extra="content-encoding: gzip\r\n"),
        post(body, extra="expect: the unexpected\r\n"), post(body, extra="inference-header-content-length: x\r\n"),
        *(post(b"", length=length) for length in (-5, 99_999_999, 10**40)),
        head + b"host: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        head + b"host : a\r\n\r\n", head + b"host: a\r\n folded\r\n\r\n", head + b"host: a\r\nx\x00y: 1\r\n\r\n",
        b"POST " + INFER.encode() + b" HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", b"HELLO\r\n\r\n",
        b"GET / HTTP/1.1\nhost: a\n\n", draw.randbytes(300), b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        head + b"x: " + b"y" * 40_000 + b"\r\n\r\n", head + b"x: 1\r\n" * 5_000 + b"\r\n", b"A" * 30_000,
    ])  # fmt: skip
    return Attempt("framing", data, frozenset({400, 411, 413, 414, 415, 417, 431}), cut=True)


def cut_short(draw: random.Random) -> Attempt:
    whole = post(json.dumps(document()).encode())
    return Attempt("cut short", whole[: draw.randrange(1, len(whole))], frozenset({400}), cut=True)


def mutated(draw: random.Random) -> Attempt:
    data = bytearray(post(json.dumps(document()).encode()))
    for _ in range(draw.randrange(1, 4)):
        data[draw.randrange(len(data))] = draw.randrange(256)
    statuses = frozenset({200, 400, 404, 405, 411, 413, 415, 417, 422})
    return Attempt("mutated", bytes(data), statuses, cut=True)


KINDS: tuple[Callable[[random.Random], Attempt], ...] = (
    wrong_value, wrong_tensor, wrong_envelope, not_json, cut_json, wrong_binary, wrong_target, wrong_method,
    wrong_framing, cut_short, mutated,
)  # fmt: skip


async def send(port: int, data: bytes, seconds: float = 30.0) -> list[Reply]:
    """Send bytes, say that no more will come, and read all answers until the server ends the connection."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        try:
            writer.write(data)
            writer.write_eof()
            received = await reader.read()
        except ConnectionError:
            received = b""
        finally:
            writer.close()
    return parse(received)


def parse(data: bytes) -> list[Reply]:
    """The answers in what a connection brought, without interim ones; fails on anything that is none."""
    replies: list[Reply] = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        assert end, "an answer breaks off"
        assert lines[0].startswith("HTTP/1.1 "), head
        status = int(lines[0].split(" ")[1])
        if status == 100:
            continue
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(headers["content-length"])
        assert len(data) >= length, "an answer breaks off"
        replies.append(Reply(status, headers, data[:length]))
        data = data[length:]
    return replies


def judge(attempt: Attempt, replies: list[Reply]) -> str:
    """What is wrong with the answers to an attempt; empty when nothing is."""
    if not replies:
        return "" if attempt.cut else "no answer"
    for reply in replies:
        if reply.status not in attempt.statuses:
            return f"answered {reply.status}: {reply.body[:200]!r}"
        if reply.status != 200:
            told = json.loads(reply.body)["error"]
            if not told or (reply.status == 422 and not LOCATED.match(told)):
                return f"told nothing of the place: {told!r}"
    return ""


async def bombard(port: int, seed: int, count: int, at_once: int = 16) -> list[str]:
    """Make `count` attempts; what was wrong with the answers, each with the attempt that brought it about."""
    draw = random.Random(seed)
    attempts = iter([draw.choice(KINDS)(draw) for _ in range(count)])
    problems: list[str] = []

    async def work() -> None:
        for attempt in attempts:
            if wrong := judge(attempt, await send(port, attempt.data)):
                problems.append(f"{attempt.kind}: {wrong}, for {attempt.data[:300]!r}")

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return problems
