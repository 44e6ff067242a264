"""The field table: which fields every message has, of which type, and how lists merge."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from lab.cluster.embedded.kinds import Kind
from lab.cluster.embedded.quantity import QUANTITY
from lab.cluster.embedded.status import StatusError, bad_request

META = "k8s.io.apimachinery.pkg.apis.meta.v1."
TABLE = Path(__file__).with_name("schema_table.json.gz")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    number: int
    """Protobuf number."""
    type: str
    """string, bool, int32, int64, bytes (base64 in JSON), time, microtime, quantity, intstr, raw; else a message."""
    container: Literal["", "list", "map"] = ""
    merge_key: str = ""
    """Key by which strategic merge patches match the items of a list; empty: the list is replaced."""
    strategy: str = ""
    """`merge`, `merge,retainKeys` or `retainKeys`, as strategic merge patches use it."""
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    """Keys by which server-side apply matches the items of a list."""
    inline: bool = False
    """The fields of this message belong to the surrounding JSON object."""

    @property
    def is_message(self) -> bool:
        return "." in self.type


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `fields` are those of its JSON object, inlined ones included."""

    name: str
    fields: Mapping[str, Field]
    wire: tuple[Field, ...]
    """Its fields as protobuf has them, inlined messages unopened."""

    @property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]


class FieldTable:
    """All messages by full name."""

    def __init__(self, messages: Mapping[str, Message]) -> None:
        self._messages = messages

    def __contains__(self, name: str) -> bool:
        return name in self._messages

    def message(self, name: str) -> Message:
        """The message of that full name.

        Raises:
            KeyError: none such.
        """
        return self._messages[name]


@cache
def field_table() -> FieldTable:
    """The table that comes with this package, read at the first use."""
    raw = json.loads(gzip.decompress(TABLE.read_bytes()))["messages"]
    wires = {name: tuple(_field(entry) for entry in entries) for name, entries in raw.items()}
    return FieldTable({name: Message(name, _json_fields(wire, wires), wire) for name, wire in wires.items()})


def _field(entry: Sequence[Any]) -> Field:
    padded = (*entry, *[""] * (9 - len(entry)))
    name, number, type_name, container, merge_key, strategy, list_type, keys, flags = padded
    listed = tuple(key for key in keys.split(",") if key)
    return Field(name, number, type_name, container, merge_key, strategy, list_type, listed, flags == "i")


def _json_fields(wire: tuple[Field, ...], wires: Mapping[str, tuple[Field, ...]]) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for field in wire:
        if field.inline:
            fields.update(_json_fields(wires[field.type], wires))
        else:
            fields[field.name] = field
    return fields


class DecodeError(Exception):
    """A value of the wrong type; the text is worded as a Kubernetes decoder words it."""


@dataclass(slots=True)
class _Pruning:
    table: FieldTable
    root: str
    unknown: list[str]


def pruned(kind: Kind, obj: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A copy of `obj` with known fields only, and the unknown ones as `unknown field "spec.x"`.

    Nulls are left out, as Kubernetes reads them as absent.

    Raises:
        StatusError: 400, a value has the wrong type.
    """
    walk = _Pruning(field_table(), kind.message.rpartition(".")[2], [])
    body = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}
    try:
        kept = _message(walk, kind.message, body, "")
    except DecodeError as error:
        raise cannot_be_handled(kind, str(error)) from None
    return {"apiVersion": kind.api_version, "kind": kind.kind, **kept}, walk.unknown


def cannot_be_handled(kind: Kind, why: str) -> StatusError:
    """The 400 with which the API answers a body that does not decode."""
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}')


def _message(walk: _Pruning, name: str, value: Any, path: str) -> dict[str, Any]:
    message = walk.table.message(name)
    if not isinstance(value, dict):
        raise _mismatch(value, path or walk.root, f"v1.{message.short_name}")
    kept: dict[str, Any] = {}
    for key, item in value.items():
        field = message.fields.get(key)
        where = f"{path}.{key}" if path else key
        if field is None:
            walk.unknown.append(f'unknown field "{where}"')
        elif item is not None:
            kept[key] = _contained(walk, field, item, where)
    return kept


def _contained(walk: _Pruning, field: Field, value: Any, path: str) -> Any:
    match field.container:
        case "list":
            if not isinstance(value, list):
                raise _mismatch(value, path, f"[]{_go_type(field)}")
            return [_single(walk, field, item, f"{path}[{index}]") for index, item in enumerate(value)]
        case "map":
            if not isinstance(value, dict):
                raise _mismatch(value, path, f"map[string]{_go_type(field)}")
            return {key: _single(walk, field, item, f"{path}.{key}") for key, item in value.items() if item is not None}
        case _:
            return _single(walk, field, value, path)


def _single(walk: _Pruning, field: Field, value: Any, path: str) -> Any:
    if field.is_message:
        return _message(walk, field.type, value, path)
    return _scalar(field, value, path)


def _scalar(field: Field, value: Any, path: str) -> Any:
    match field.type:
        case "string" | "time" | "microtime":
            good = isinstance(value, str)
        case "bool":
            good = isinstance(value, bool)
        case "int32" | "int64":
            good = _is_int(value) and abs(value) < 2 ** (int(field.type[3:]) - 1)
        case "bytes":
            good = isinstance(value, str) and _is_base64(value)
        case "quantity":
            good = isinstance(value, str | int | float) and not isinstance(value, bool)
            if good and not QUANTITY.fullmatch(str(value)):
                raise DecodeError(f"quantities must match the regular expression '^{QUANTITY.pattern}$'")
            value = str(value)
        case "intstr":
            good = isinstance(value, str) or _is_int(value)
        case _:
            good = True
    if not good:
        if field.type == "bytes" and isinstance(value, str):
            raise DecodeError("illegal base64 data at input byte 0")
        raise _mismatch(value, path, _go_type(field))
    return int(value) if field.type in ("int32", "int64") else value


def _is_int(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _mismatch(value: Any, path: str, wanted: str) -> DecodeError:
    match value:
        case bool():
            found = "bool"
        case int() | float():
            found = "number"
        case str():
            found = "string"
        case list():
            found = "array"
        case _:
            found = "object"
    return DecodeError(f"json: cannot unmarshal {found} into Go struct field {path} of type {wanted}")


def _go_type(field: Field) -> str:
    names = {"quantity": "resource.Quantity", "intstr": "intstr.IntOrString", "time": "v1.Time", "bytes": "[]uint8"}
    if field.is_message:
        return f"v1.{field.type.rpartition('.')[2]}"
    return names.get(field.type, field.type)
