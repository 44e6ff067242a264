"""`python -m stack.monitor`"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from stack.common.arguments import component_parser, http_url
from stack.common.listening import listen
from stack.common.release import BackgroundRelease, release_from
from stack.gate.contract import ContractFile, contract_at
from stack.monitor.app import MonitorApp
from stack.monitor.baseline import load_baseline
from stack.monitor.metrics import MonitorMetrics
from stack.monitor.source import POLL_SECONDS, PredictionPage
from stack.monitor.watch import Watch
from stack.wire.client import Address
from stack.wire.component import run, started, until_stopped
from stack.wire.endpoints import follow
from stack.wire.pages import LogReader, TruthPage
from stack.wire.server import Server


async def serve(argv: Sequence[str], environ: Mapping[str, str], log: logging.Logger) -> None:
    """Run the monitor until a signal ends it."""
    parser = component_parser("monitor", "Join predictions with what happened.", 8603)
    parser.add_argument("--discovery", type=http_url, default="http://127.0.0.1:8604", help="address of discovery")
    arguments = parser.parse_args(argv)
    release = release_from(environ, BackgroundRelease)
    watch, contract = _watch(environ, log)
    metrics = MonitorMetrics(release.tag, watch)
    app = MonitorApp(metrics)
    server = Server(app.handle, log)
    await server.start(listen(arguments.host, arguments.port))
    log.info("release %s listens on %s:%d", release.tag, arguments.host, arguments.port)
    predictions, truths = _readers(watch, metrics, log)
    discovery = Address.parse(arguments.discovery)

    async def poll() -> None:
        await started(release)
        app.ready = True
        while True:
            if contract is not None:
                watch.contract = contract.changed() or watch.contract
            await predictions.read()
            await truths.read()
            await asyncio.sleep(POLL_SECONDS)

    try:
        await until_stopped(
            poll(),
            follow(discovery, "gateway", predictions.update, log),
            follow(discovery, "feed", truths.update, log),
        )
    finally:
        await server.close(0.5)
        predictions.close()
        truths.close()
    log.info("stopped")


def _watch(environ: Mapping[str, str], log: logging.Logger) -> tuple[Watch, ContractFile | None]:
    """
    What the environment asks for: `BASELINE` and `BASELINE_VERSION` name what is healthy, `CONTRACT_FILE` what is
    right.

    Raises:
        StartError: there is no such baseline, or the contract cannot be used.
    """
    baseline = load_baseline(environ.get("BASELINE", "calm"))
    scores = baseline.of(environ.get("BASELINE_VERSION", "2"))
    path = environ.get("CONTRACT_FILE", "")
    if not path:
        return Watch(baseline, scores, None), None
    return Watch(baseline, scores, contract_at(Path(path))), ContractFile(Path(path), log)


def _readers(watch: Watch, metrics: MonitorMetrics, log: logging.Logger) -> tuple[LogReader, LogReader]:
    def take_predictions(body: bytes) -> int:
        page = msgspec.json.decode(body, type=PredictionPage)
        for row in page.predictions:
            watch.predicted(row)
        return page.last

    def take_truths(body: bytes) -> int:
        page = msgspec.json.decode(body, type=TruthPage)
        for row in page.truths:
            watch.known(row.id, bool(row.late))
        return page.last

    predictions = LogReader("/predictions", take_predictions, log, metrics.failures.inc)
    return predictions, LogReader("/truth", take_truths, log, metrics.failures.inc)


if __name__ == "__main__":
    sys.exit(run("monitor", lambda log: serve(sys.argv[1:], os.environ, log)))
