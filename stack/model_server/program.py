"""`python -m stack.model_server`: load the model, serve until asked to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Mapping, Sequence

from stack.common.arguments import component_parser, http_url, whole_number
from stack.common.listening import listen
from stack.common.metrics import component_registry
from stack.common.release import ModelServerRelease, release_from
from stack.common.signals import stop_event
from stack.model_server.application import create_application
from stack.model_server.loading import LoadingMetrics, RegistryLoader, Source
from stack.model_server.scorer import Scorer
from stack.model_server.server import Deadlines, Server
from stack.model_server.service import Limits, Service
from stack.registry.versions import MODEL, resolve
from stack.wire.client import Address

COMPONENT = "model-server"
PORT = 8601
DRAIN_SECONDS = 0.5
"""How long a stopping server still takes connections, so that those who route to it can notice."""
GRACE_SECONDS = 3
"""How long requests in flight may take after that."""


def main(argv: Sequence[str], environ: Mapping[str, str], log: logging.Logger) -> int:
    """
    Serve the version that the registry names, or one of those shipped with the code; 0 after a stop by signal.

    Raises:
        StartError: a release file, model version or address that cannot be used.
    """
    parser = component_parser(COMPONENT, "Serve the flight-risk model by the Open Inference Protocol v2.", PORT)
    parser.add_argument(
        "--registry", type=http_url, help="address of the registry (default: the versions shipped here)"
    )
    parser.add_argument("--model", help="alias or version to serve (default: MODEL_ALIAS, else champion)")
    parser.add_argument(
        "--concurrency",
        type=whole_number,
        default=Limits().requests,
        help="scoring requests in flight, above which more are refused (default: %(default)s)",
    )
    parser.add_argument(
        "--batch-rows",
        type=whole_number,
        default=Limits().batch_rows,
        help="rows that are scored together (default: %(default)s)",
    )
    parser.add_argument(
        "--request-seconds",
        type=whole_number,
        default=int(Deadlines().request),
        help="how long a request may take to arrive (default: %(default)s)",
    )
    arguments = parser.parse_args(argv)
    release = release_from(environ, ModelServerRelease)
    alias = arguments.model or environ.get("MODEL_ALIAS") or "champion"
    scorer = None if arguments.registry else Scorer.load(resolve(alias))
    limits = Limits(arguments.concurrency, arguments.batch_rows)
    registry = component_registry(COMPONENT, release.tag)
    service = Service(scorer, release, registry, time.perf_counter, log, limits)
    loader = None
    if arguments.registry:
        client = f"{arguments.host}:{arguments.port}"
        source = Source(Address.parse(arguments.registry), MODEL, alias, client)
        loader = RegistryLoader(source, release.loader, service.adopt, LoadingMetrics(registry), time.time, log)
    listener = listen(arguments.host, arguments.port)
    log.info("release %s listens on %s:%d", release.tag, arguments.host, arguments.port)
    if scorer is not None:
        log.info("serving %s version %s (%s)", scorer.version.model, scorer.version.version, scorer.version.sha256[:12])
    asyncio.run(serve(service, listener, log, Deadlines(request=arguments.request_seconds), loader))
    return 0


async def serve(
    service: Service,
    listener: socket.socket,
    log: logging.Logger,
    deadlines: Deadlines,
    loader: RegistryLoader | None = None,
) -> None:
    """Serve on the socket until SIGTERM or SIGINT, then drain, finish what is in flight, and return."""
    stop = stop_event()
    following = asyncio.create_task(_follow(loader, stop))
    server = Server(service, create_application(service), log, time.time, deadlines)
    await server.start(listener)
    opening = asyncio.get_running_loop().call_later(service.release.start.delay_ms / 1000, service.open)
    await stop.wait()
    opening.cancel()
    service.drain()
    server.retire()
    log.info("stopping")
    await asyncio.sleep(DRAIN_SECONDS)
    await server.close(GRACE_SECONDS)
    following.cancel()
    await asyncio.wait({following})
    if not following.cancelled():
        following.result()


async def _follow(loader: RegistryLoader | None, stop: asyncio.Event) -> None:
    """Follow the registry; a fault of the loader's own ends the server, which then starts afresh."""
    try:
        if loader is not None:
            await loader.run()
    except Exception:
        stop.set()
        raise
