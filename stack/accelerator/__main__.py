"""`python -m stack.accelerator`: the driver of the emulated device; with the name of a job, that job."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence

from stack.accelerator.board import Board
from stack.accelerator.driver import Driver
from stack.accelerator.exposition import exposition
from stack.accelerator.registers import Registers
from stack.accelerator.smi import RealDevices
from stack.accelerator.spec import spec_from
from stack.common.arguments import component_parser
from stack.common.listening import listen
from stack.common.metrics import component_registry
from stack.common.metrics import exposition as own_metrics
from stack.common.release import BackgroundRelease, release_from
from stack.wire.component import run, started, until_stopped


async def serve(argv: Sequence[str], environ: Mapping[str, str], log: logging.Logger) -> None:
    """Run the driver until a signal ends it."""
    parser = component_parser("accelerator", "Share one device between processes.", 8606)
    parser.add_argument(
        "--real", action="store_true", help="offer no emulated device; export the metrics of this machine's real ones"
    )
    arguments = parser.parse_args(argv)
    release = release_from(environ, BackgroundRelease)
    spec = spec_from(environ)
    registry = component_registry("accelerator", release.tag)
    hostname = environ.get("NODE_NAME") or socket.gethostname()
    board = Board(spec, asyncio.get_running_loop().time())
    real = RealDevices(hostname, log) if arguments.real else None
    if real is not None:
        real.require()
        board.registers = Registers(r5=1)

    def metrics() -> bytes:
        emulated = exposition(spec, hostname, board.reading(), board.usages())
        return own_metrics(registry) + (real.exposition() if real else emulated)

    driver = Driver(board, metrics, log)
    await driver.start(listen(arguments.host, arguments.port))
    what = "this machine's own devices" if real else spec.name
    log.info("release %s listens on %s:%d: %s", release.tag, arguments.host, arguments.port, what)

    async def come_up() -> None:
        await started(release)
        driver.ready = True

    try:
        await until_stopped(real.follow() if real else driver.sample(), come_up())
    finally:
        await driver.close()
    log.info("stopped")


def job(name: str) -> Callable[[Sequence[str], Mapping[str, str]], int] | None:
    """A program that the image brings beside the driver; loaded when asked for, since the driver needs none of it."""
    match name:
        case "batch-scoring":
            from stack.accelerator.jobs.batch_scoring import main as found
        case "fine-tuning":
            from stack.accelerator.jobs.fine_tuning import main as found
        case _:
            return None
    return found


if __name__ == "__main__":
    if chosen := job(sys.argv[1] if len(sys.argv) > 1 else ""):
        sys.exit(chosen(sys.argv[2:], os.environ))
    sys.exit(run("accelerator", lambda log: serve(sys.argv[1:], os.environ, log)))
