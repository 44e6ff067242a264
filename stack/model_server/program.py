"""`python -m stack.model_server`: load the model, serve until asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Iterator, Mapping, Sequence

import uvicorn

from stack.common.arguments import component_parser
from stack.common.listening import listen
from stack.common.metrics import component_registry
from stack.common.release import ServingRelease, release_from
from stack.common.signals import stop_event
from stack.model_server.application import create_application
from stack.model_server.front import Front
from stack.model_server.scorer import Scorer
from stack.model_server.service import Service
from stack.registry.versions import resolve

COMPONENT = "model-server"
PORT = 8601
DRAIN_SECONDS = 0.5
"""How long a stopping server still takes connections, so that those who route to it can notice."""
GRACE_SECONDS = 3
"""How long requests in flight may take after that."""
IDLE_SECONDS = 75
"""How long an idle connection is kept; longer than clients keep theirs."""


class _Server(uvicorn.Server):
    """uvicorn without signal handling of its own: a stop that was asked for ends in exit status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(argv: Sequence[str], environ: Mapping[str, str], log: logging.Logger) -> int:
    """
    Serve one model version on one address; 0 after a stop by signal.

    Raises:
        StartError: a release file, model version or address that cannot be used.
    """
    parser = component_parser(COMPONENT, "Serve the flight-risk model by the Open Inference Protocol v2.", PORT)
    parser.add_argument("--model", default="champion", help="alias or version to serve (default: %(default)s)")
    arguments = parser.parse_args(argv)
    release = release_from(environ, ServingRelease)
    scorer = Scorer.load(resolve(arguments.model))
    service = Service(scorer, release, component_registry(COMPONENT, release.tag), time.perf_counter, log)
    listener = listen(arguments.host, arguments.port)
    logging.getLogger("uvicorn").handlers = log.handlers
    log.info("release %s serves %s version %s", release.tag, scorer.version.model, scorer.version.version)
    asyncio.run(serve(service, listener, log))
    return 0


async def serve(service: Service, listener: socket.socket, log: logging.Logger) -> None:
    """Serve on the socket until SIGTERM or SIGINT, then drain, finish what is in flight, and return."""
    stop = stop_event()
    server = _Server(
        uvicorn.Config(
            Front(service, create_application(service)),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    asyncio.get_running_loop().call_later(service.release.start.delay_ms / 1000, service.open)
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    service.drain()
    log.info("stopping")
    await asyncio.wait({serving}, timeout=DRAIN_SECONDS)
    server.should_exit = True
    await serving
    stopping.cancel()
