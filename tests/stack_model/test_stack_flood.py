"""Ten thousand malformed requests against the real process: each is told what is wrong, and nothing else happens."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import psutil
import pytest
from stack_model_malformed import bombard, document, parse, post, send

if TYPE_CHECKING:
    from conftest import ServerProcess, Starter

WARM, REST, DRIPS = 1_000, 9_000, 100
MEMORY_BOUND = 24 * 1024 * 1024
"""How much the process may grow between the first thousand and the last, in bytes: what an allocator keeps."""


@pytest.fixture(scope="module")
def server(start_server: Starter) -> ServerProcess:
    server = start_server("", "--request-seconds=2")
    server.until(lambda: server.ask("/v2/health/ready").status == 200)
    return server


async def drip(port: int) -> list[int]:
    """Send a request one byte at a time until the server has enough of it; the statuses it answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.create_task(reader.read())
    try:
        for byte in post(b" " * 5_000):
            writer.write(bytes([byte]))
            if (await asyncio.wait({reading}, timeout=0.1))[0]:
                break
        async with asyncio.timeout(30):
            return [reply.status for reply in parse(await reading)]
    finally:
        writer.close()


async def flood(port: int, process: psutil.Process) -> tuple[list[str], int, list[list[int]]]:
    """What was wrong with the answers, how much the process grew, and what became of the slow ones beside them."""
    problems = await bombard(port, seed=1, count=WARM)
    before = process.memory_info().rss
    drips = [asyncio.create_task(drip(port)) for _ in range(DRIPS)]
    problems += await bombard(port, seed=2, count=REST)
    slow = await asyncio.gather(*drips)
    return problems, process.memory_info().rss - before, slow


def test_malformed_requests_do_no_harm(server: ServerProcess) -> None:
    process = psutil.Process(server.process.pid)
    whole = post(json.dumps(document()).encode())
    (before,) = asyncio.run(send(server.port, whole))
    problems, growth, slow = asyncio.run(flood(server.port, process))
    assert problems == []
    assert slow == [[408]] * DRIPS
    assert growth < MEMORY_BOUND
    (after,) = asyncio.run(send(server.port, whole))
    assert (after.status, after.body) == (200, before.body)
    assert process.is_running()
    server.until(lambda: process.num_fds() < 60)
    assert server.stop() == 0
    assert "Traceback" not in server.process.communicate()[0]


def test_large_requests_leave_nothing_behind(server: ServerProcess, start_server: Starter) -> None:
    server = start_server()
    server.until(lambda: server.ask("/v2/health/ready").status == 200)
    process = psutil.Process(server.process.pid)
    rows = json.dumps(document(shape=[4096, 12], data=[1.5] * (4096 * 12))).encode()
    kinds = [post(rows), post(b" " * 2_000_000), post(b" " * 10_000_000), post(b'{"a":' * 400_000)]
    kinds.append(post(rows.replace(b"1.5]", b"NaN]")))

    async def sizes() -> list[int]:
        seen = []
        for _ in range(12):
            statuses = [(await send(server.port, data))[0].status for data in kinds]
            assert statuses == [200, 400, 413, 400, 422]
            seen.append(process.memory_info().rss)
        return seen

    seen = asyncio.run(sizes())
    assert max(seen[6:]) - max(seen[:6]) < MEMORY_BOUND
