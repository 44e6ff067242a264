"""Watches: the changes of a collection as a stream of JSON lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lab.cluster.embedded.api.exchange import Exchange, encode, until_disconnected
from lab.cluster.embedded.api.read import include_object, selection, wants_table
from lab.cluster.embedded.api.target import Target
from lab.cluster.embedded.status import Expired, bad_request
from lab.cluster.embedded.store import Change, Obj, Store
from lab.cluster.embedded.tables import table

LONGEST_SECONDS = 3600.0
BOOKMARK_SECONDS = 30.0
INITIAL_END = "k8s.io/initial-events-end"


class Watch:
    """One watch; honours resourceVersion, timeoutSeconds, bookmarks, initial events, selectors and tables."""

    def __init__(self, store: Store, exchange: Exchange, target: Target, stop: asyncio.Event) -> None:
        self._store = store
        self._exchange = exchange
        self._target = target
        self._stop = stop
        self._selection = selection(exchange, target)
        self._bookmarks = exchange.flag("allowWatchBookmarks")
        self._initial = exchange.flag("sendInitialEvents")
        self._render = self._table_maker() if wants_table(exchange) else _same
        self._since = _version(exchange.query("resourceVersion"))
        self._seconds = _seconds(exchange.query("timeoutSeconds"))

    async def run(self) -> None:
        """Stream until the time is over, the client goes or the cluster stops."""
        await self._exchange.start(200, "application/json")
        await until_disconnected(self._exchange, self._stream())
        if not self._stop.is_set():
            await self._exchange.finish()

    async def _stream(self) -> None:
        try:
            await self._follow()
        except Expired as gone:
            await self._send("ERROR", gone.document())

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._seconds
        version = self._since
        if self._initial or not version:
            version = await self._send_initial()
        next_bookmark = loop.time() + BOOKMARK_SECONDS
        while not self._stop.is_set():
            changes = self._store.changes_since(version, self._target.kind.plural)
            version = self._store.version
            lines = [line for change in changes if (line := self._line(change)) is not None]
            if lines:
                await self._exchange.write(b"".join(lines))
            now = loop.time()
            if now >= ends:
                break
            if self._bookmarks and now >= next_bookmark:
                await self._bookmark(version)
                next_bookmark = now + BOOKMARK_SECONDS
            await self._store.wait_change(version, min(ends, next_bookmark) - now)
        if self._bookmarks and not self._stop.is_set():
            await self._bookmark(version)

    async def _send_initial(self) -> int:
        version = self._store.version
        for obj in self._store.list(self._target.kind.plural, self._target.namespace):
            if self._selection.accepts(obj):
                await self._send("ADDED", self._render(obj))
        if self._initial and self._bookmarks:
            await self._bookmark(version, {INITIAL_END: "true"})
        return version

    def _line(self, change: Change) -> bytes | None:
        """The event of a change for this watch: what enters the selection is added, what leaves it deleted."""
        if self._target.namespace is not None and change.obj["metadata"].get("namespace", "") != self._target.namespace:
            return None
        before = change.previous is not None and self._selection.accepts(change.previous)
        after = change.type != "DELETED" and self._selection.accepts(change.obj)
        match (before, after):
            case (True, True):
                event = "MODIFIED"
            case (False, True):
                event = "ADDED"
            case (True, False):
                event = "DELETED"
            case _:
                return None
        return encode({"type": event, "object": self._render(change.obj)}) + b"\n"

    async def _send(self, event: str, obj: Any) -> None:
        await self._exchange.write(encode({"type": event, "object": obj}) + b"\n")

    async def _bookmark(self, version: int, annotations: dict[str, str] | None = None) -> None:
        kind = self._target.kind
        meta: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        obj: Obj = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}
        if wants_table(self._exchange):
            obj = {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": {"resourceVersion": str(version)},
                "columnDefinitions": None,
                "rows": [
                    {"cells": [], "object": {**obj, "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}}
                ],
            }
        await self._send("BOOKMARK", obj)

    def _table_maker(self) -> Callable[[Obj], Obj]:
        include = include_object(self._exchange)
        first = True

        def render(obj: Obj) -> Obj:
            nonlocal first
            version = obj["metadata"]["resourceVersion"]
            made = table(
                self._target.kind, [obj], version=version, now=self._store.now(), include=include, with_columns=first
            )
            first = False
            return made

        return render


def _same(obj: Obj) -> Obj:
    return obj


def _version(text: str) -> int:
    if not text.isdigit() and text:
        raise bad_request(f'invalid resource version "{text}"')
    return int(text or 0)


def _seconds(text: str) -> float:
    try:
        return min(float(text), LONGEST_SECONDS) if text else LONGEST_SECONDS
    except ValueError:
        raise bad_request(f'invalid timeoutSeconds "{text}"') from None
