"""`python -m stack.gateway`"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.common.arguments import component_parser, http_url
from stack.common.errors import StartError
from stack.common.listening import listen
from stack.common.release import ServingRelease, release_from
from stack.gate.contract import ContractFile, contract_at
from stack.gateway.app import GatewayApp
from stack.gateway.following import REREAD_SECONDS, Following
from stack.gateway.forward import Forwarder
from stack.gateway.metrics import GatewayMetrics
from stack.gateway.outcomes import Outcomes
from stack.gateway.quality import QualityGate
from stack.gateway.ring import PredictionRing
from stack.gateway.router import Router
from stack.gateway.routes import Routes, RoutesError, RoutesFile, parse_routes, single_route
from stack.gateway.settings import settings_from
from stack.wire.client import Address
from stack.wire.component import GRACE_SECONDS, LINGER_SECONDS, run, started, until_stopped
from stack.wire.server import Server


async def serve(argv: Sequence[str], environ: Mapping[str, str], log: logging.Logger) -> None:
    """Run the gateway until a signal ends it."""
    parser = component_parser("gateway", "Spread scoring requests over the model servers.", 8600)
    parser.add_argument("--discovery", type=http_url, default="http://127.0.0.1:8604", help="address of discovery")
    parser.add_argument(
        "--upstream", default="model-server", help="service that requests go to without ROUTES_FILE (%(default)s)"
    )
    arguments = parser.parse_args(argv)
    release = release_from(environ, ServingRelease)
    settings = settings_from(environ)
    path = environ.get("ROUTES_FILE", "")
    routes = _read(Path(path)) if path else single_route(arguments.upstream)
    loop = asyncio.get_running_loop()

    metrics = GatewayMetrics(release.tag)
    ring = PredictionRing(time.time)
    router = Router(routes, settings, metrics, log, random.SystemRandom().random, time.time)
    outcomes = Outcomes(lambda: router.settle(loop.time()))
    contract = environ.get("CONTRACT_FILE", "")
    gate = QualityGate(contract_at(Path(contract)) if contract else None, settings.quality_mode, metrics)
    forwarder = Forwarder(router, settings, metrics, ring, outcomes)
    app = GatewayApp(release, settings, router, forwarder, ring, metrics, gate)
    server = Server(app.handle, log)
    await server.start(listen(arguments.host, arguments.port))
    log.info("release %s listens on %s:%d", release.tag, arguments.host, arguments.port)

    async def come_up() -> None:
        await started(release)
        app.ready = True

    following = Following(Address.parse(arguments.discovery), router, forwarder, outcomes, log)
    following.begin()
    background = [following.learn()]
    if path:
        background.append(following.reread(RoutesFile(Path(path), log), app))
    if contract:
        background.append(_recheck(ContractFile(Path(contract), log), gate, metrics))
    try:
        await until_stopped(come_up(), *background)
        app.ready = False
        server.retire()
        await asyncio.sleep(LINGER_SECONDS)
    finally:
        await server.close(GRACE_SECONDS)
        forwarder.close()
        await following.close()
        router.close()
    log.info("stopped")


async def _recheck(file: ContractFile, gate: QualityGate, metrics: GatewayMetrics) -> None:
    """Look at the contract again and again, until cancelled."""
    while True:
        await asyncio.sleep(REREAD_SECONDS)
        changed = file.changed()
        metrics.contract_valid(file.valid)
        if changed is not None:
            gate.contract = changed


def _read(path: Path) -> Routes:
    """
    The routes to start with.

    Raises:
        StartError: the file is missing or says nothing usable.
    """
    try:
        return parse_routes(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RoutesError) as error:
        raise StartError(f"{path}: {error}") from error


if __name__ == "__main__":
    sys.exit(run("gateway", lambda log: serve(sys.argv[1:], os.environ, log)))
