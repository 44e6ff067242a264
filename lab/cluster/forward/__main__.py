"""
The forwarder's process.

    python -m lab.cluster.forward --kubeconfig FILE --namespace NS --state DIR [--services NAME,NAME]

Which Services it forwards stands in `DIR/asked.json` and may grow while it runs; it ends on SIGTERM, and by itself once
that file is gone or asks for another namespace.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event

from lab.cluster.forward.records import (
    Asked,
    Running,
    only_forwarder,
    read_asked,
    read_ports,
    write_asked,
    write_ports,
    write_running,
)
from lab.cluster.forward.relay import ServiceServer, open_server
from lab.cluster.forward.upstream import Upstream
from lab.cluster.processes import start_mark

LOOK_SECONDS = 0.2
ANOTHER_RUNS = 3
_log = logging.getLogger("lab.cluster.forward")


def forward(folder: Path, kubeconfig: str, namespace: str, environ: Mapping[str, str], stop: Event) -> None:
    """Forward what is asked for until `stop` is set or nothing is asked for any more."""
    upstream = Upstream(Path(kubeconfig), namespace, environ)
    servers: dict[str, ServiceServer] = {}
    mark = start_mark(os.getpid()) or ""

    def publish() -> None:
        ports = {name: server.port for name, server in servers.items()}
        write_running(folder, Running(os.getpid(), mark, kubeconfig, namespace, ports))

    publish()
    try:
        while not stop.is_set():
            asked = read_asked(folder)
            if asked is None or (asked.kubeconfig, asked.namespace) != (kubeconfig, namespace):
                _log.info("nothing is asked for any more")
                return
            if fresh := [name for name in asked.services if name not in servers]:
                servers |= _open(folder, fresh, upstream)
                publish()
            stop.wait(LOOK_SECONDS)
    finally:
        for server in servers.values():
            server.server_close()


def _open(folder: Path, services: Sequence[str], upstream: Upstream) -> dict[str, ServiceServer]:
    """Listen for these Services, each on the port that it had before where that is free."""
    remembered = read_ports(folder)
    opened: dict[str, ServiceServer] = {}
    for name in services:
        server = open_server(name, upstream, remembered.get(name, 0))
        server.start()
        opened[name] = server
        _log.info("%s on %s:%d", name, *server.server_address[:2])
    write_ports(folder, remembered | {name: server.port for name, server in opened.items()})
    return opened


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run as a program; 0 stopped as asked, 3 another forwarder runs for this folder."""
    parser = argparse.ArgumentParser(prog="python -m lab.cluster.forward")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--services", default="", help="ask for these, instead of what the folder asks for already")
    given = parser.parse_args(arguments)
    folder: Path = given.state.resolve()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.umask(0o077)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder.mkdir(parents=True, exist_ok=True)
    with only_forwarder(folder) as mine:
        if not mine:
            _log.error("another forwarder runs for %s", folder)
            return ANOTHER_RUNS
        if given.services:
            services = tuple(name for name in given.services.split(",") if name)
            write_asked(folder, Asked(str(given.kubeconfig), given.namespace, services))
        forward(folder, str(given.kubeconfig), given.namespace, environ, stop)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
