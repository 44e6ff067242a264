"""DELETE of objects and collections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lab.cluster.embedded.api.bodies import decode
from lab.cluster.embedded.api.exchange import Exchange
from lab.cluster.embedded.api.incoming import is_dry_run
from lab.cluster.embedded.api.read import found, selection
from lab.cluster.embedded.api.target import Target
from lab.cluster.embedded.kinds import KINDS, Kind
from lab.cluster.embedded.status import STALE, Conflict, bad_request, object_details
from lab.cluster.embedded.store import Obj, Store

Propagation = Literal["Background", "Foreground", "Orphan"]
FOREGROUND = "foregroundDeletion"


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How an object is to be deleted."""

    grace_seconds: int | None = None
    propagation: Propagation = "Background"
    uid: str | None = None
    version: str | None = None
    dry: bool = False


async def read_options(exchange: Exchange) -> DeleteOptions:
    """The options of a DELETE, from its body and its query.

    Raises:
        StatusError: 400, an option has a value that is not known.
    """
    raw = await exchange.body()
    body = decode(raw, exchange.header("content-type")) if raw.strip() else {}
    if not isinstance(body, Mapping):
        raise bad_request("DeleteOptions must be an object")
    conditions = body.get("preconditions") or {}
    grace = body.get("gracePeriodSeconds")
    if exchange.query("gracePeriodSeconds"):
        grace = exchange.query("gracePeriodSeconds")
    return DeleteOptions(
        _grace(grace),
        _propagation(
            body.get("propagationPolicy") or exchange.query("propagationPolicy"), body.get("orphanDependents")
        ),
        conditions.get("uid"),
        conditions.get("resourceVersion"),
        is_dry_run(exchange) or bool(body.get("dryRun")),
    )


def _grace(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        raise bad_request(f"gracePeriodSeconds: Invalid value: {value!r}") from None


def _propagation(value: Any, orphan: Any) -> Propagation:
    match value:
        case "Background" | "Foreground" | "Orphan":
            chosen: Propagation = value
            return chosen
        case None | "":
            return "Orphan" if orphan else "Background"
        case _:
            listed = '"Background", "Foreground", "Orphan"'
            raise bad_request(f'propagationPolicy: Unsupported value: "{value}": supported values: {listed}')


async def delete_object(store: Store, exchange: Exchange, target: Target) -> None:
    """DELETE of one object."""
    options = await read_options(exchange)
    obj = found(store, target)
    if options.version not in (None, "", obj["metadata"]["resourceVersion"]):
        raise Conflict(target.kind, target.name, STALE)
    deleted = obj if options.dry else _delete(store, target.kind, obj, options)
    left = store.get(target.kind.plural, target.in_namespace, target.name)
    if target.kind.delete_answers_object or left is not None:
        await exchange.json(200, deleted)
    else:
        await exchange.json(200, _success(target.kind, deleted))


async def delete_collection(store: Store, exchange: Exchange, target: Target) -> None:
    """DELETE of every object that the selectors choose."""
    options = await read_options(exchange)
    chosen = selection(exchange, target)
    for obj in store.list(target.kind.plural, target.namespace):
        if chosen.accepts(obj) and not options.dry:
            _delete(store, target.kind, obj, options)
    details = {"group": target.kind.group, "kind": target.kind.plural}
    await exchange.json(
        200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    )


def _delete(store: Store, kind: Kind, obj: Obj, options: DeleteOptions) -> Obj:
    meta = obj["metadata"]
    namespace, name = meta.get("namespace", ""), meta["name"]
    match options.propagation:
        case "Orphan":
            for plural, dependant in _dependants(store, meta["uid"], namespace):
                _forget_owner(store, plural, dependant, meta["uid"])
        case "Foreground" if _dependants(store, meta["uid"], namespace):
            finalizers = [*(meta.get("finalizers") or ()), FOREGROUND]
            if FOREGROUND not in (meta.get("finalizers") or ()):
                store.update(kind.plural, {**obj, "metadata": {**meta, "finalizers": finalizers}})
        case _:
            pass
    return store.delete(kind.plural, namespace, name, grace_seconds=options.grace_seconds, uid=options.uid)


def _dependants(store: Store, uid: str, namespace: str) -> list[tuple[str, Obj]]:
    return [
        (kind.plural, obj)
        for kind in KINDS
        for obj in store.list(kind.plural, namespace if kind.namespaced and namespace else None)
        if any(owner["uid"] == uid for owner in obj["metadata"].get("ownerReferences") or ())
    ]


def _forget_owner(store: Store, plural: str, obj: Obj, uid: str) -> None:
    meta = dict(obj["metadata"])
    owners = [owner for owner in meta.pop("ownerReferences", ()) if owner["uid"] != uid]
    if owners:
        meta["ownerReferences"] = owners
    store.update(plural, {**obj, "metadata": meta})


def _success(kind: Kind, obj: Obj) -> dict[str, Any]:
    details = {**object_details(kind, obj["metadata"]["name"]), "uid": obj["metadata"]["uid"]}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
