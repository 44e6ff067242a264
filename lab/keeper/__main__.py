"""`python -m lab.keeper`: the process that owns one run."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil

from lab.content.loader import find
from lab.errors import RunVoid
from lab.incident.events import KeeperStarted, RunStarted
from lab.keeper.files import KeeperAddress, RunFiles
from lab.keeper.loop import Keeper
from lab.keeper.process import take_lock
from lab.keeper.server import KeeperServer
from lab.operate.lab import Lab
from lab.operate.opening import open_lab

LINGER_SECONDS = 2.0
"""After the end of a run the keeper still answers this long, so that the last asker hears of it."""


def main(argv: list[str]) -> int:
    """Own the run until it is over; 0 also when another keeper owns it already."""
    parser = argparse.ArgumentParser(prog="lab.keeper")
    parser.add_argument("--lab", required=True)
    parser.add_argument("--run", required=True)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    lab = open_lab(os.environ, Path.home(), Path.cwd(), args.lab)
    files = RunFiles(lab.around.places.runs / args.run)
    lock = take_lock(files)
    if lock is None:
        return 0
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with lock:
        own(lab, files, stop)
    return 0


def own(lab: Lab, files: RunFiles, stop: threading.Event) -> None:
    """Take up the run from its journal, listen, and keep it until it is over or stop is set."""
    started = next(iter(files.journal.read()), None)
    if not isinstance(started, RunStarted):
        raise RunVoid("No such run", f"{files.folder} holds no run.", "Start one with `lab incident start`.")
    loaded = find(lab.around.scenarios_root, started.scenario)
    keeper = Keeper(lab, files, loaded, time.time, stop)
    keeper.load()
    with KeeperServer(keeper) as server:
        server.start()
        me = psutil.Process()
        keeper.record(KeeperStarted(at=time.time(), pid=me.pid))
        files.write_address(KeeperAddress(pid=me.pid, started=me.create_time(), port=server.port, token=server.token))
        try:
            keeper.run()
            stop.wait(LINGER_SECONDS)
        except Exception as error:
            logging.getLogger(__name__).exception("the keeper failed")
            if keeper.state.phase in ("preparing", "on_call"):
                keeper.enter("void", f"the keeper failed: {type(error).__name__}")
        finally:
            server.shutdown()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
