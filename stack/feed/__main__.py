"""`python -m stack.feed`"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence

from stack.common.arguments import component_parser, http_url
from stack.common.errors import StartError
from stack.common.listening import listen
from stack.common.release import FeedRelease, release_from
from stack.data.pool import load_pool
from stack.feed.app import FeedApp
from stack.feed.metrics import FeedMetrics
from stack.feed.plan import Plan
from stack.feed.replay import Source
from stack.feed.schedule import Schedule
from stack.feed.sender import Limits, Sender
from stack.feed.truth import TruthQueue
from stack.wire.client import Address, Pool
from stack.wire.component import GRACE_SECONDS, number_from, run, started, until_stopped
from stack.wire.server import Server

SETTLE_SECONDS = 1.0
"""How often outcomes that nobody asks for are made known."""


async def serve(argv: Sequence[str], environ: Mapping[str, str], log: logging.Logger) -> None:
    """Run the feed until a signal ends it."""
    parser = component_parser("feed", "Replay flights as scoring requests.", 8602)
    parser.add_argument("--gateway", type=http_url, default="http://127.0.0.1:8600", help="address of the gateway")
    arguments = parser.parse_args(argv)
    release = release_from(environ, FeedRelease)
    rate = number_from(environ, "RATE_RPS", 40, low=0.01, high=2000)
    seed = int(number_from(environ, "FEED_SEED", 1, low=0, high=2**53))
    limits = Limits(
        slo_seconds=number_from(environ, "SLO_MS", 500, low=1, high=60_000) / 1000,
        give_up_seconds=number_from(environ, "TIMEOUT_MS", 10_000, low=1, high=600_000) / 1000,
    )
    flights = Source(seed, release.transform, load_pool)
    try:
        flights.prepare(Plan(pool=environ.get("FEED_POOL", "calm")))()
    except ValueError as error:
        raise StartError(f"FEED_POOL: {error}") from error

    loop = asyncio.get_running_loop()
    metrics = FeedMetrics(release.tag)
    truth = TruthQueue(rate)
    gateway = Pool(Address.parse(arguments.gateway))
    sender = Sender(gateway, flights, limits, truth, metrics, log, release.log.every)
    schedule = Schedule(rate, loop.time())

    async def follow(plan: Plan) -> None:
        begin = await asyncio.to_thread(flights.prepare, plan)
        begin()
        truth.pace(plan.rate_rps)
        schedule.change(plan.rate_rps, loop.time(), plan.shape)

    app = FeedApp(truth, metrics, loop.time, follow)
    server = Server(app.handle, log)
    await server.start(listen(arguments.host, arguments.port))
    log.info("release %s listens on %s:%d", release.tag, arguments.host, arguments.port)

    async def send() -> None:
        await started(release)
        app.ready = True
        await sender.await_gateway()
        log.info("sending %g requests a second to %s", rate, arguments.gateway)
        schedule.begin(loop.time())
        await sender.run(schedule)

    async def settle() -> None:
        while True:
            truth.settle(loop.time())
            await asyncio.sleep(SETTLE_SECONDS)

    try:
        await until_stopped(send(), settle())
        await sender.finish(GRACE_SECONDS)
    finally:
        await server.close(0.5)
        gateway.close()
    log.info("stopped")


if __name__ == "__main__":
    sys.exit(run("feed", lambda log: serve(sys.argv[1:], os.environ, log)))
