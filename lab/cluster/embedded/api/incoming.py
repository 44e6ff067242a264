"""From a request's body to an object that may be stored: fields known, defaults filled in, rules kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.cluster.embedded.api.bodies import decode
from lab.cluster.embedded.api.exchange import Exchange
from lab.cluster.embedded.api.target import Target
from lab.cluster.embedded.defaults import fill
from lab.cluster.embedded.kinds import Kind
from lab.cluster.embedded.schema import cannot_be_handled, pruned
from lab.cluster.embedded.status import StatusError, bad_request
from lab.cluster.embedded.store import Obj


def is_dry_run(exchange: Exchange) -> bool:
    """Whether the request asks to be worked out and not stored.

    Raises:
        StatusError: 400, `dryRun` is neither absent nor `All`.
    """
    asked = exchange.query("dryRun")
    if asked not in ("", "All"):
        raise bad_request(f'dryRun: Unsupported value: "{asked}": supported values: "All"')
    return asked == "All"


async def read_object(exchange: Exchange, target: Target) -> Obj:
    """The body as an object of the target's kind and namespace, with known fields only.

    Raises:
        StatusError: 400, 413, 415: it cannot be read as that.
    """
    document = decode(await exchange.body(), exchange.header("content-type"))
    return shaped(exchange, target, document)


def shaped(exchange: Exchange, target: Target, document: Any) -> Obj:
    """A document as an object of the target's kind and namespace; unknown fields go by `fieldValidation`.

    Raises:
        StatusError: 400, another kind or namespace, a wrong type, or an unknown field under Strict.
    """
    if not isinstance(document, Mapping):
        raise bad_request("the body of the request is no object")
    _check_type(target.kind, document)
    obj, unknown = pruned(target.kind, document)
    _report_unknown(exchange, target.kind, unknown)
    meta = obj.setdefault("metadata", {})
    if target.kind.namespaced:
        if meta.get("namespace") not in (None, "", target.namespace):
            text = "the namespace of the provided object does not match the namespace sent on the request"
            raise bad_request(text)
        meta["namespace"] = target.in_namespace
    if target.name and meta.setdefault("name", target.name) != target.name:
        text = f"the name of the object ({meta['name']}) does not match the name on the URL ({target.name})"
        raise bad_request(text)
    fill(target.kind, obj)
    return obj


def _check_type(kind: Kind, document: Mapping[str, Any]) -> None:
    """Typed clients leave kind and apiVersion out; a different one is refused."""
    version, name = document.get("apiVersion") or kind.api_version, document.get("kind") or kind.kind
    if version != kind.api_version:
        text = f"the API version in the data ({version}) does not match the expected API version ({kind.api_version})"
        raise bad_request(text)
    if name != kind.kind:
        raise cannot_be_handled(kind, f"the kind in the data is {name}")


def _report_unknown(exchange: Exchange, kind: Kind, unknown: list[str]) -> None:
    match exchange.query("fieldValidation"):
        case "Strict":
            if unknown:
                raise cannot_be_handled(kind, "strict decoding error: " + ", ".join(unknown))
        case "Ignore":
            pass
        case "" | "Warn":
            exchange.warnings += unknown
        case other:
            text = f'fieldValidation: Unsupported value: "{other}": supported values: "Ignore", "Strict", "Warn"'
            raise StatusError(422, "Invalid", text)
