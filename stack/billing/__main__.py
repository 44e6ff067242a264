"""`python -m stack.billing`"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.billing.app import BillingApp, BillingMetrics
from stack.billing.ledger import Ledger
from stack.billing.prices import read_prices
from stack.billing.source import PodPage, follow_bookings, follow_series, metrics_of, quantities
from stack.common.arguments import component_parser, http_url
from stack.common.listening import listen
from stack.common.release import BackgroundRelease, release_from
from stack.wire.client import Address
from stack.wire.component import run, started, until_stopped
from stack.wire.server import Server

SHEET = Path(__file__).resolve().parents[1] / "platform" / "billing" / "prices.yaml"
"""The sheet of a checkout; in a cluster `PRICES_FILE` names the one of the platform repo."""


async def serve(argv: Sequence[str], environ: Mapping[str, str], log: logging.Logger) -> None:
    """Run billing until a signal ends it."""
    parser = component_parser("billing", "Price what runs, by the second.", 8607)
    parser.add_argument("--discovery", type=http_url, default="http://127.0.0.1:8604", help="address of discovery")
    parser.add_argument("--prometheus", type=http_url, default="http://127.0.0.1:9090", help="address of Prometheus")
    arguments = parser.parse_args(argv)
    release = release_from(environ, BackgroundRelease)
    ledger = Ledger(read_prices(Path(environ.get("PRICES_FILE") or SHEET)))
    app = BillingApp(ledger, BillingMetrics(release.tag, ledger, time.time), time.time)
    server = Server(app.handle, log)
    await server.start(listen(arguments.host, arguments.port))
    log.info("release %s listens on %s:%d", release.tag, arguments.host, arguments.port)
    known, namespace = asyncio.Event(), ""

    def booked(page: PodPage) -> None:
        nonlocal namespace
        amounts, since = quantities(page)
        ledger.hold(amounts, time.time(), since)
        namespace = page.pods[0].namespace if page.pods else namespace
        known.set()

    async def come_up() -> None:
        await started(release)
        await known.wait()
        app.ready = True

    async def count() -> None:
        await known.wait()
        await follow_series(
            Address.parse(arguments.prometheus),
            lambda series: ledger.hold_series(metrics_of(namespace), series / 1000, time.time()),
            log,
        )

    try:
        await until_stopped(come_up(), follow_bookings(Address.parse(arguments.discovery), booked, log), count())
    finally:
        await server.close(0.5)
    log.info("stopped")


if __name__ == "__main__":
    sys.exit(run("billing", lambda log: serve(sys.argv[1:], os.environ, log)))
