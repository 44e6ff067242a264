"""GET of one object or a collection, as JSON or as a table."""

from __future__ import annotations

from typing import Any

from lab.cluster.embedded.api.exchange import Exchange
from lab.cluster.embedded.api.target import Target
from lab.cluster.embedded.selectors import Selection, field_requirements, label_requirements
from lab.cluster.embedded.status import NotFound
from lab.cluster.embedded.store import Obj, Store
from lab.cluster.embedded.tables import IncludeObject, table


def wants_table(exchange: Exchange) -> bool:
    """Whether the client prefers a table."""
    first = exchange.header("accept").split(",", 1)[0]
    return "as=Table" in first


def include_object(exchange: Exchange) -> IncludeObject:
    """What the rows of a table carry beside their cells."""
    match exchange.query("includeObject"):
        case "Object":
            return "Object"
        case "None":
            return "None"
        case _:
            return "Metadata"


def selection(exchange: Exchange, target: Target) -> Selection:
    """The label and field conditions of a request; a name in the URL is one of them.

    Raises:
        StatusError: 400, a selector cannot be read.
    """
    fields = field_requirements(exchange.query("fieldSelector"))
    if target.name:
        fields = (*fields, *field_requirements(f"metadata.name={target.name}"))
    return Selection(label_requirements(exchange.query("labelSelector")), fields)


def found(store: Store, target: Target) -> Obj:
    """The object that the URL names.

    Raises:
        NotFound: there is none.
    """
    obj = store.get(target.kind.plural, target.in_namespace, target.name)
    if obj is None:
        raise NotFound(target.kind, target.name)
    return obj


async def get_object(store: Store, exchange: Exchange, target: Target) -> None:
    """Answer one object."""
    await send_object(store, exchange, target, 200, found(store, target))


async def send_object(store: Store, exchange: Exchange, target: Target, code: int, obj: Obj) -> None:
    """Answer an object in the form that the client asked for."""
    if wants_table(exchange):
        version = obj["metadata"].get("resourceVersion", "")
        include = include_object(exchange)
        await exchange.json(code, table(target.kind, [obj], version=version, now=store.now(), include=include))
    else:
        await exchange.json(code, obj)


async def list_objects(store: Store, exchange: Exchange, target: Target) -> None:
    """Answer a collection."""
    chosen = selection(exchange, target)
    objects = [obj for obj in store.list(target.kind.plural, target.namespace) if chosen.accepts(obj)]
    version = str(store.version)
    if wants_table(exchange):
        include = include_object(exchange)
        await exchange.json(200, table(target.kind, objects, version=version, now=store.now(), include=include))
    else:
        await exchange.json(200, list_document(target, objects, version))


def list_document(target: Target, objects: list[Obj], version: str) -> dict[str, Any]:
    """The `KindList` of these objects."""
    return {
        "kind": f"{target.kind.kind}List",
        "apiVersion": target.kind.api_version,
        "metadata": {"resourceVersion": version},
        "items": [{key: value for key, value in obj.items() if key not in ("kind", "apiVersion")} for obj in objects],
    }
