"""
The process of one embedded cluster: API, controllers and kubelet in one asyncio loop.

    python -m lab.cluster.embedded.daemon --state DIR

It writes `DIR/daemon.json` when the API listens, and ends every process it started when it gets SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import ssl
import sys
from collections.abc import Coroutine, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn

from lab.cluster.embedded import journal
from lab.cluster.embedded.api.app import Api
from lab.cluster.embedded.certs import Credentials, ensure_credentials
from lab.cluster.embedded.controllers import run_controllers
from lab.cluster.embedded.daemon_record import LOCK, DaemonRecord, remove_record, write_record
from lab.cluster.embedded.defaults import Admission
from lab.cluster.embedded.kubelet import Kubelet
from lab.cluster.embedded.namespaces import NamespaceFurnisher
from lab.cluster.embedded.options import read_options
from lab.cluster.embedded.ranges import Ranges, claim_ranges
from lab.cluster.embedded.schema import field_table
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Store, utc_now
from lab.cluster.embedded.usage import UsageSource
from lab.cluster.locks import only_one
from lab.cluster.processes import start_mark

HOST = "127.0.0.1"
PORT_FILE = "port"
SHUTDOWN_SECONDS = 10.0
_log = logging.getLogger("lab.cluster.daemon")


class _Server(uvicorn.Server):
    """A server that leaves signals to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def new_store(settings: NodeSettings, now: datetime) -> Store:
    """An empty store with admission and the namespaces every cluster has; versions rise above any earlier store's."""
    store = Store(first_version=int(now.timestamp() * 10))

    def taken() -> set[str]:
        return {service["spec"].get("clusterIP", "") for service in store.list("services")}

    def has_account(namespace: str, name: str) -> bool:
        return store.get("serviceaccounts", namespace, name) is not None

    store.admit = Admission(settings, taken, has_account)
    for name in ("default", "kube-system"):
        store.create("namespaces", {"metadata": {"name": name}})
    return store


def serve_api(
    store: Store, settings: NodeSettings, credentials: Credentials, stop: asyncio.Event, source: UsageSource
) -> _Server:
    """The configured server; `serve(sockets=[...])` runs it until `should_exit`."""
    config = uvicorn.Config(
        Api(store, settings, stop, source),
        http="httptools",
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
        ssl_certfile=credentials.ca_file,
        ssl_keyfile=credentials.key_file,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    return _Server(config)


def listen(state_dir: Path) -> socket.socket:
    """A listening socket on the port of the last time, or on another one if that is taken."""
    remembered = state_dir / PORT_FILE
    text = remembered.read_text(encoding="ascii") if remembered.exists() else "0"
    for port in (int(text) if text.isdigit() else 0, 0):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen(512)
        except OSError:
            listening.close()
            continue
        remembered.write_text(str(listening.getsockname()[1]), encoding="ascii")
        return listening
    raise OSError(f"no port can be had on {HOST}")


async def run(state_dir: Path) -> None:
    """Run the cluster of `state_dir` until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    now = utc_now()
    credentials = ensure_credentials(state_dir, now)
    ranges = claim_ranges(state_dir)
    listening = listen(state_dir)
    settings = _settings(state_dir, ranges, credentials, listening.getsockname()[1])
    journal.reap(state_dir)
    shutil.rmtree(state_dir / "pods", ignore_errors=True)
    field_table()
    store = new_store(settings, now)
    kubelet = Kubelet(store, settings)
    server = serve_api(store, settings, credentials, stop, kubelet)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    write_record(state_dir, _record(settings))
    try:
        await _run_parts(store, settings, kubelet, stop, serving)
    finally:
        server.should_exit = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(serving, SHUTDOWN_SECONDS)
        ranges.release()
        remove_record(state_dir)


async def _run_parts(
    store: Store, settings: NodeSettings, kubelet: Kubelet, stop: asyncio.Event, serving: asyncio.Task[None]
) -> None:
    """Run controllers and kubelet until `stop`, or until one of them fails."""
    parts: list[Coroutine[Any, Any, None]] = [
        run_controllers(store, settings, stop, kubelet),
        kubelet.run(stop),
        NamespaceFurnisher(store, settings).run(stop),
    ]
    tasks = [asyncio.create_task(part) for part in parts]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((*tasks, serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        _log.error("a part of the cluster ended; stopping")
    stop.set()
    for outcome in await asyncio.gather(*tasks, stopping, return_exceptions=True):
        if isinstance(outcome, BaseException):
            _log.error("a part of the cluster failed", exc_info=outcome)


def _settings(state_dir: Path, ranges: Ranges, credentials: Credentials, port: int) -> NodeSettings:
    return NodeSettings(
        state_dir=state_dir,
        pod_prefix=ranges.pod_prefix,
        service_prefix=ranges.service_prefix,
        api_host=HOST,
        api_port=port,
        token=credentials.token,
        ca_file=credentials.ca_file,
        options=read_options(state_dir),
    )


def _record(settings: NodeSettings) -> DaemonRecord:
    mark = start_mark(os.getpid()) or ""
    return DaemonRecord(os.getpid(), mark, settings.api_port, settings.pod_prefix, settings.service_prefix)


def main(arguments: list[str]) -> int:
    """Run as a program; returns the exit code: 0 stopped as asked, 3 another daemon runs for this folder."""
    parser = argparse.ArgumentParser(prog="lab.cluster.embedded.daemon")
    parser.add_argument("--state", type=Path, required=True)
    state_dir: Path = parser.parse_args(arguments).state.resolve()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.umask(0o077)
    state_dir.mkdir(parents=True, exist_ok=True)
    with only_one(state_dir / LOCK) as mine:
        if not mine:
            _log.error("another daemon runs for %s", state_dir)
            return 3
        asyncio.run(run(state_dir))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
