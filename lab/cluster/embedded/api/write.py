"""POST, PUT and PATCH of objects, of their status, and of the scale of workloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from lab.cluster.embedded.api.bodies import decode, media_type, parse_json, parse_yaml, unsupported_media
from lab.cluster.embedded.api.exchange import Exchange
from lab.cluster.embedded.api.incoming import is_dry_run, read_object, shaped
from lab.cluster.embedded.api.read import found, send_object
from lab.cluster.embedded.api.scale import scale_of, scaled
from lab.cluster.embedded.api.target import Target
from lab.cluster.embedded.kinds import BY_RESOURCE
from lab.cluster.embedded.patch import json_patch, merge_patch, strategic_merge
from lab.cluster.embedded.semantic import check_changed, check_new
from lab.cluster.embedded.status import AlreadyExists, NotFound
from lab.cluster.embedded.store import Obj, Store

Part = Literal["", "status"]
Patcher = Callable[[Any], Any]

PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


async def create(store: Store, exchange: Exchange, target: Target) -> None:
    """POST to a collection."""
    made = store_new(store, exchange, target, await read_object(exchange, target))
    await send_object(store, exchange, target, 201, made)


def store_new(store: Store, exchange: Exchange, target: Target, obj: Obj) -> Obj:
    """Check and store a new object, or work out what storing it would give where the request is a dry run."""
    if target.kind.has_status:
        obj.pop("status", None)
    check_new(target.kind, obj)
    return _tried(store, target, obj) if is_dry_run(exchange) else store.create(target.kind.plural, obj)


def _tried(store: Store, target: Target, obj: Obj) -> Obj:
    """What creating would answer, with nothing stored."""
    kind = target.kind
    if kind.namespaced and store.get("namespaces", "", target.in_namespace) is None:
        raise NotFound(BY_RESOURCE["namespaces"], target.in_namespace)
    made = store.prepared(kind.plural, obj)
    if store.get(kind.plural, target.in_namespace, made["metadata"]["name"]) is not None:
        raise AlreadyExists(kind, made["metadata"]["name"])
    if store.admit is not None:
        store.admit(kind, made)
    return made


async def replace(store: Store, exchange: Exchange, target: Target) -> None:
    """PUT of an object or its status."""
    dry = is_dry_run(exchange)
    obj = await read_object(exchange, target)
    old = found(store, target)
    await _store_changed(store, exchange, target, old, obj, dry=dry)


async def patch(store: Store, exchange: Exchange, target: Target) -> None:
    """PATCH of an object or its status, by any of the three ordinary patches."""
    dry = is_dry_run(exchange)
    apply = await _patcher(exchange, target.kind.message)
    old = found(store, target)
    changed = shaped(exchange, target, apply(old))
    await _store_changed(store, exchange, target, old, changed, dry=dry)


async def _store_changed(store: Store, exchange: Exchange, target: Target, old: Obj, new: Obj, *, dry: bool) -> None:
    part: Part = "status" if target.subresource == "status" else ""
    _keep_allocated(target, old, new)
    merged = store.merged(target.kind, old, new, part)
    if part == "" and merged != old:
        check_changed(target.kind, old, merged)
    written = merged if dry else store.update(target.kind.plural, new, subresource=part)
    await send_object(store, exchange, target, 200, written)


def _keep_allocated(target: Target, old: Obj, new: Obj) -> None:
    """A Service that is written without its address keeps it."""
    if target.kind.plural == "services" and "spec" in new and not new["spec"].get("clusterIP"):
        for field in ("clusterIP", "clusterIPs"):
            if field in old["spec"]:
                new["spec"][field] = old["spec"][field]


async def _patcher(exchange: Exchange, message: str) -> Patcher:
    raw = await exchange.body()
    match media_type(exchange.header("content-type")):
        case "application/strategic-merge-patch+json":
            document = _patch_document(raw)
            return lambda target: strategic_merge(message, target, document)
        case "application/merge-patch+json":
            document = _patch_document(raw)
            return lambda target: merge_patch(target, document)
        case "application/json-patch+json":
            document = parse_json(raw)
            return lambda target: json_patch(target, document)
        case "application/apply-patch+yaml":
            raise unsupported_media("application/apply-patch+yaml", PATCH_TYPES)
        case media:
            raise unsupported_media(media, PATCH_TYPES)


def _patch_document(raw: bytes) -> Any:
    return parse_json(raw) if raw.lstrip()[:1] in (b"{", b"[") else parse_yaml(raw)


async def get_scale(store: Store, exchange: Exchange, target: Target) -> None:
    """GET of `/scale`."""
    await exchange.json(200, scale_of(found(store, target)))


async def write_scale(store: Store, exchange: Exchange, target: Target) -> None:
    """PUT or PATCH of `/scale`."""
    dry = is_dry_run(exchange)
    if exchange.method == "PUT":
        document = decode(await exchange.body(), exchange.header("content-type"))
        old = found(store, target)
    else:
        apply = await _patcher(exchange, "k8s.io.api.autoscaling.v1.Scale")
        old = found(store, target)
        document = apply(scale_of(old))
    new = scaled(target.kind, old, document)
    written = store.merged(target.kind, old, new, "") if dry else store.update(target.kind.plural, new)
    await exchange.json(200, scale_of(written))
