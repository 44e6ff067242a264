"""`python -m stack.discovery`"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence

from stack.common.arguments import component_parser
from stack.common.listening import listen
from stack.common.release import BackgroundRelease, release_from
from stack.discovery.api import Known, access_from, follow_pods
from stack.discovery.app import DiscoveryApp, DiscoveryMetrics
from stack.discovery.bookings import Bookings
from stack.discovery.view import View
from stack.wire.component import GRACE_SECONDS, run, started, until_stopped
from stack.wire.server import Server


async def serve(argv: Sequence[str], environ: Mapping[str, str], log: logging.Logger) -> None:
    """Run discovery until a signal ends it."""
    arguments = component_parser("discovery", "Tell Prometheus and clients where the pods are.", 8604).parse_args(argv)
    release = release_from(environ, BackgroundRelease)
    access = access_from(environ)
    first_version = int(time.time() * 1000)
    known = Known(View(first_version), Bookings(first_version))
    view = known.view
    metrics = DiscoveryMetrics(release.tag, view)
    app = DiscoveryApp(view, known.bookings, metrics)
    server = Server(app.handle, log)
    await server.start(listen(arguments.host, arguments.port))
    log.info("release %s listens on %s:%d", release.tag, arguments.host, arguments.port)

    async def come_up() -> None:
        await started(release)
        app.started = True

    try:
        await until_stopped(follow_pods(access, known, metrics.failures, log), come_up())
    finally:
        view.close()
        known.bookings.close()
        await server.close(GRACE_SECONDS)


if __name__ == "__main__":
    sys.exit(run("discovery", lambda log: serve(sys.argv[1:], os.environ, log)))
