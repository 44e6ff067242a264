"""`pods/NAME/log`: the lines of a container, old ones and, following, new ones."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lab.cluster.embedded.api.exchange import Exchange, until_disconnected
from lab.cluster.embedded.api.read import found
from lab.cluster.embedded.api.target import Target
from lab.cluster.embedded.status import bad_request
from lab.cluster.embedded.store import Obj, Store
from lab.cluster.embedded.tables_age import parsed_time

POLL_SECONDS = 0.2
PART_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What a client wants of a log."""

    follow: bool
    previous: bool
    timestamps: bool
    tail: int | None
    since: datetime | None
    limit_bytes: int | None


@dataclass(frozen=True, slots=True)
class LogSource:
    """The log of one start of one container."""

    pod: Obj
    container: str
    restart: int
    path: Path


def read_options(exchange: Exchange, now: datetime) -> LogOptions:
    """The options of a request.

    Raises:
        StatusError: 400, a number or time cannot be read.
    """
    try:
        seconds, moment = exchange.query("sinceSeconds"), exchange.query("sinceTime")
        since = now - timedelta(seconds=int(seconds)) if seconds else parsed_time(moment) if moment else None
        tail, limit = exchange.query("tailLines"), exchange.query("limitBytes")
        return LogOptions(
            exchange.flag("follow"),
            exchange.flag("previous"),
            exchange.flag("timestamps"),
            max(0, int(tail)) if tail else None,
            since,
            int(limit) if limit else None,
        )
    except ValueError as error:
        raise bad_request(f"invalid log options: {error}") from None


async def send_log(store: Store, exchange: Exchange, target: Target, state_dir: Path, stop: asyncio.Event) -> None:
    """Answer a container's log as text."""
    options = read_options(exchange, store.now())
    source = log_source(found(store, target), exchange.query("container"), options.previous, state_dir)
    await exchange.start(200, "text/plain")
    await until_disconnected(exchange, _Stream(store, exchange, source, options, stop).run())
    if not stop.is_set():
        await exchange.finish()


def log_source(pod: Obj, container: str, previous: bool, state_dir: Path) -> LogSource:
    """Which file holds the asked log.

    Raises:
        StatusError: 400, no such container, none named where there are several, or it has not started.
    """
    name = pod["metadata"]["name"]
    containers = [c["name"] for c in pod["spec"].get("containers") or ()]
    if not container:
        if len(containers) != 1:
            listed = " ".join(containers)
            raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{listed}]")
        container = containers[0]
    elif container not in containers:
        raise bad_request(f"container {container} is not valid for pod {name}")
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    status: Mapping[str, Any] = next((s for s in statuses if s["name"] == container), {})
    folder = state_dir / "pods" / pod["metadata"]["uid"] / container
    restart = _restart(status, previous, folder)
    if restart is None:
        if previous:
            raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
        why = ((status.get("state") or {}).get("waiting") or {}).get("reason", "ContainerCreating")
        raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {why}')
    return LogSource(pod, container, restart, folder / f"{restart}.log")


def _restart(status: Mapping[str, Any], previous: bool, folder: Path) -> int | None:
    """The number of the start: the present or last one, or with `previous` the one that ended before it."""
    count: int = status.get("restartCount", 0)
    waiting = "waiting" in (status.get("state") or {"waiting": {}})
    if previous:
        wanted = count if waiting else count - 1
        return wanted if wanted >= 0 and (folder / f"{wanted}.log").exists() else None
    for number in (count, count - 1):
        if number >= 0 and (folder / f"{number}.log").exists():
            return number
    return count if not waiting else None


class _Stream:
    """Sends the lines of one log."""

    def __init__(
        self, store: Store, exchange: Exchange, source: LogSource, options: LogOptions, stop: asyncio.Event
    ) -> None:
        self._store = store
        self._exchange = exchange
        self._source = source
        self._options = options
        self._stop = stop
        self._left = options.limit_bytes
        self._continued = False

    async def run(self) -> None:
        """Send what is there, then what comes, until the container has ended."""
        path = self._source.path
        older = path.with_name(path.name + ".1")
        position = path.stat().st_size if path.exists() else 0
        stored = [*_lines(older, None), *_lines(path, position)]
        kept = [line for line in stored if self._wanted(line)]
        tail = self._options.tail
        await self._send(kept if tail is None else _last(kept, tail))
        if self._options.follow:
            await self._follow(path, position)

    async def _follow(self, path: Path, position: int) -> None:
        rest = b""
        while not self._stop.is_set() and self._left != 0:
            ended = self._ended()
            size = path.stat().st_size if path.exists() else 0
            if size < position:
                position = 0
            if size > position:
                with path.open("rb") as log:
                    log.seek(position)
                    data = log.read(PART_BYTES)
                position += len(data)
                *whole, rest = (rest + data).split(b"\n")
                await self._send([line + b"\n" for line in whole])
            elif ended:
                return
            else:
                await asyncio.sleep(POLL_SECONDS)

    def _ended(self) -> bool:
        meta = self._source.pod["metadata"]
        pod = self._store.get("pods", meta["namespace"], meta["name"])
        if pod is None or pod["metadata"]["uid"] != meta["uid"]:
            return True
        for status in pod.get("status", {}).get("containerStatuses") or ():
            if status["name"] == self._source.container:
                running = "running" in (status.get("state") or {})
                return not running or status.get("restartCount", 0) > self._source.restart
        return False

    def _wanted(self, line: bytes) -> bool:
        if self._options.since is None:
            return True
        try:
            return parsed_time(_short(line.partition(b" ")[0].decode("ascii"))) >= self._options.since
        except (UnicodeDecodeError, ValueError):
            return True

    async def _send(self, lines: list[bytes]) -> None:
        shown = b"".join(self._shown(line) for line in lines)
        if self._left is not None:
            shown = shown[: self._left]
            self._left -= len(shown)
        for start in range(0, len(shown), PART_BYTES):
            await self._exchange.write(shown[start : start + PART_BYTES])

    def _shown(self, line: bytes) -> bytes:
        """A CRI line as a reader sees it; parts of one long line are joined again."""
        stamp, _, tagged = line.rstrip(b"\n").split(b" ", 2) if line.count(b" ") >= 2 else (b"", b"", b"F " + line)
        tag, _, text = tagged.partition(b" ")
        first, self._continued = not self._continued, tag == b"P"
        head = stamp + b" " if self._options.timestamps and first else b""
        return head + text + (b"" if self._continued else b"\n")


def _last(lines: list[bytes], count: int) -> list[bytes]:
    return list(deque(lines, maxlen=count))


def _lines(path: Path, size: int | None) -> Iterator[bytes]:
    """The whole lines of a file's first `size` bytes, or of all."""
    try:
        with path.open("rb") as log:
            data = log.read() if size is None else log.read(size)
    except FileNotFoundError:
        return
    yield from data.splitlines(keepends=True)


def _short(stamp: str) -> str:
    """A time with nine decimals cut to the six that Python reads."""
    head, dot, fraction = stamp.partition(".")
    return head + dot + fraction.rstrip("Z")[:6] + "Z" if dot else stamp
