"""`python -m stack.gateway`"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence

from stack.common.arguments import component_parser, http_url
from stack.common.listening import listen
from stack.common.release import ServingRelease, release_from
from stack.gateway.app import GatewayApp
from stack.gateway.forward import Forwarder
from stack.gateway.metrics import GatewayMetrics
from stack.gateway.replicas import Replicas
from stack.gateway.ring import PredictionRing
from stack.wire.client import Address
from stack.wire.component import GRACE_SECONDS, LINGER_SECONDS, number_from, run, started, until_stopped
from stack.wire.endpoints import Endpoint, follow
from stack.wire.server import Server


async def serve(argv: Sequence[str], environ: Mapping[str, str], log: logging.Logger) -> None:
    """Run the gateway until a signal ends it."""
    parser = component_parser("gateway", "Spread scoring requests over the model servers.", 8600)
    parser.add_argument("--discovery", type=http_url, default="http://127.0.0.1:8604", help="address of discovery")
    parser.add_argument("--upstream", default="model-server", help="service that requests go to (default: %(default)s)")
    arguments = parser.parse_args(argv)
    release = release_from(environ, ServingRelease)
    deadline = number_from(environ, "DEADLINE_MS", 3000, low=1, high=600_000) / 1000

    replicas = Replicas()
    metrics = GatewayMetrics(release.tag, lambda: len(replicas))
    ring = PredictionRing(time.time)
    app = GatewayApp(release, deadline, replicas, Forwarder(replicas, metrics, ring), ring, metrics)
    server = Server(app.handle, log)
    await server.start(listen(arguments.host, arguments.port))
    log.info("release %s listens on %s:%d", release.tag, arguments.host, arguments.port)

    def changed(endpoints: tuple[Endpoint, ...]) -> None:
        gone = replicas.update(endpoints)
        metrics.changed(gone, asyncio.get_running_loop().time())
        log.info("replicas: %s", ", ".join(endpoint.pod for endpoint in endpoints) or "none")

    async def come_up() -> None:
        await started(release)
        app.ready = True

    following = asyncio.create_task(follow(Address.parse(arguments.discovery), arguments.upstream, changed, log))
    try:
        await until_stopped(come_up())
        app.ready = False
        server.retire()
        await asyncio.sleep(LINGER_SECONDS)
    finally:
        await server.close(GRACE_SECONDS)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        replicas.close()
    log.info("stopped")


if __name__ == "__main__":
    sys.exit(run("gateway", lambda log: serve(sys.argv[1:], os.environ, log)))
