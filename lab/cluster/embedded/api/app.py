"""The API as an ASGI application: who may call it, and which handler answers which URL."""

from __future__ import annotations

import asyncio
import hmac
import logging
import sys
from pathlib import Path
from typing import Any

from lab.cluster.embedded.api import autoscaling_v1, discovery, openapi, read, remove, write
from lab.cluster.embedded.api.exchange import Exchange, Receive, Scope, Send
from lab.cluster.embedded.api.logs import send_log
from lab.cluster.embedded.api.metrics import is_metrics_path, send_metrics
from lab.cluster.embedded.api.proxy import proxy
from lab.cluster.embedded.api.target import Target, parse_target
from lab.cluster.embedded.api.watch import Watch
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import Store
from lab.cluster.embedded.usage import UsageSource
from lab.cluster.embedded.version import GIT_VERSION, MAJOR, MINOR

_OPEN_PATHS = frozenset({"/healthz", "/readyz", "/livez", "/version"})
_STREAMS = frozenset({"exec", "attach", "portforward"})
_log = logging.getLogger("lab.cluster.api")


class Api:
    """Serves one store; `stop` ends watches and followed logs, `source` tells what Pods use."""

    def __init__(self, store: Store, settings: NodeSettings, stop: asyncio.Event, source: UsageSource) -> None:
        self._store = store
        self._state_dir: Path = settings.state_dir
        self._authorization = f"Bearer {settings.token}".encode()
        self._hosts = frozenset({settings.api_host, "127.0.0.1", "localhost"})
        self._address = f"{settings.api_host}:{settings.api_port}"
        self._stop = stop
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection; anything but HTTP is refused."""
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        try:
            self._check_caller(exchange)
            await self._route(exchange)
        except StatusError as refusal:
            if not exchange.started:
                await exchange.json(refusal.code, refusal.document())
        except Exception:
            _log.exception("%s %s failed", exchange.method, exchange.path)
            if exchange.started:
                raise
            failure = StatusError(500, "InternalError", "Internal error occurred: see the cluster's daemon.log")
            await exchange.json(500, failure.document())

    def _check_caller(self, exchange: Exchange) -> None:
        host = exchange.header("host").rpartition(":")[0] or exchange.header("host")
        if host not in self._hosts or exchange.header("origin"):
            raise StatusError(403, "Forbidden", "this API answers programs on its own machine only, no web pages")
        if exchange.path.rstrip("/") in _OPEN_PATHS:
            return
        if not hmac.compare_digest(exchange.header("authorization").encode(), self._authorization):
            raise StatusError(401, "Unauthorized", "Unauthorized")

    async def _route(self, exchange: Exchange) -> None:
        if await self._answer_document(exchange):
            return
        if is_metrics_path(exchange.path):
            await send_metrics(self._store, exchange, self._source)
            return
        if exchange.path.startswith(autoscaling_v1.PREFIX):
            await autoscaling_v1.create_autoscaler(self._store, exchange)
            return
        target = parse_target(exchange.path)
        if target is None:
            raise _no_route()
        if target.subresource:
            await self._answer_subresource(exchange, target)
        elif target.name:
            await self._answer_item(exchange, target)
        else:
            await self._answer_collection(exchange, target)

    async def _answer_document(self, exchange: Exchange) -> bool:
        """Answer what is no resource; whether it was that."""
        parts = exchange.path.strip("/").split("/")
        version = discovery.aggregated_version(exchange.header("accept"))
        document: Any = None
        match parts:
            case ["healthz" | "readyz" | "livez"]:
                await exchange.answer(200, b"ok", "text/plain; charset=utf-8")
                return True
            case ["version"]:
                document = _version_document()
            case ["api"] if version:
                content_type = discovery.aggregated_type(version)
                await exchange.json(200, discovery.aggregated(version, core=True), content_type)
                return True
            case ["apis"] if version:
                content_type = discovery.aggregated_type(version)
                await exchange.json(200, discovery.aggregated(version, core=False), content_type)
                return True
            case ["api"]:
                document = discovery.core_versions(self._address)
            case ["apis"]:
                document = discovery.group_list()
            case ["api", core]:
                document = discovery.resource_list("", core)
            case ["apis", group]:
                document = discovery.group_document(group)
            case ["apis", group, served]:
                document = discovery.resource_list(group, served)
            case ["openapi", "v2"]:
                await exchange.answer(200, openapi.v2_bytes(GIT_VERSION), openapi.V2_TYPE)
                return True
            case ["openapi", "v3"]:
                document = openapi.index()
            case ["openapi", "v3", "api", core]:
                document = openapi.document("", core)
            case ["openapi", "v3", "apis", group, served]:
                document = openapi.document(group, served)
            case _:
                return False
        if document is None:
            raise _no_route()
        await exchange.json(200, document)
        return True

    async def _answer_collection(self, exchange: Exchange, target: Target) -> None:
        match exchange.method:
            case "GET" if exchange.flag("watch"):
                await Watch(self._store, exchange, target, self._stop).run()
            case "GET":
                await read.list_objects(self._store, exchange, target)
            case "POST" if target.namespace is not None:
                await write.create(self._store, exchange, target)
            case "DELETE" if target.namespace is not None:
                await remove.delete_collection(self._store, exchange, target)
            case _:
                raise _not_allowed()

    async def _answer_item(self, exchange: Exchange, target: Target) -> None:
        match exchange.method:
            case "GET" if exchange.flag("watch"):
                await Watch(self._store, exchange, target, self._stop).run()
            case "GET":
                await read.get_object(self._store, exchange, target)
            case "PUT":
                await write.replace(self._store, exchange, target)
            case "PATCH":
                await write.patch(self._store, exchange, target)
            case "DELETE":
                await remove.delete_object(self._store, exchange, target)
            case _:
                raise _not_allowed()

    async def _answer_subresource(self, exchange: Exchange, target: Target) -> None:
        kind = target.kind
        match (target.subresource, exchange.method):
            case ("status", "GET") if kind.has_status:
                await read.get_object(self._store, exchange, target)
            case ("status", "PUT") if kind.has_status:
                await write.replace(self._store, exchange, target)
            case ("status", "PATCH") if kind.has_status:
                await write.patch(self._store, exchange, target)
            case ("scale", "GET") if kind.scalable:
                await write.get_scale(self._store, exchange, target)
            case ("scale", "PUT" | "PATCH") if kind.scalable:
                await write.write_scale(self._store, exchange, target)
            case ("log", "GET") if kind.plural == "pods":
                await send_log(self._store, exchange, target, self._state_dir, self._stop)
            case ("proxy", _) if kind.plural in ("pods", "services"):
                await proxy(self._store, exchange, target)
            case (name, _) if kind.plural == "pods" and name in _STREAMS:
                text = f"the embedded cluster does not serve pods/{name}"
                raise StatusError(405, "MethodNotAllowed", text)
            case _:
                raise _no_route()


def _version_document() -> dict[str, str]:
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return {
        "major": MAJOR,
        "minor": MINOR,
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "",
        "goVersion": python,
        "compiler": sys.implementation.name,
        "platform": sys.platform,
    }


def _no_route() -> StatusError:
    return StatusError(404, "NotFound", "the server could not find the requested resource")


def _not_allowed() -> StatusError:
    text = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", text)
