"""
Bodies in protobuf, which kubectl from 1.32 on and typed Go clients send; answers are JSON, which all of them read.

A body is `k8s\\0` and a `runtime.Unknown`: its field 1 names apiVersion and kind, its field 2 is the object, encoded by
the messages of the field table. Wire format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lab.cluster.embedded.kinds import KINDS
from lab.cluster.embedded.schema import META, Field, field_table
from lab.cluster.embedded.status import bad_request

MAGIC = b"k8s\x00"
_OTHERS = {
    ("autoscaling/v1", "HorizontalPodAutoscaler"): "k8s.io.api.autoscaling.v1.HorizontalPodAutoscaler",
    ("autoscaling/v1", "Scale"): "k8s.io.api.autoscaling.v1.Scale",
}
_MEANT_ZERO = frozenset(
    {
        "replicas", "minReplicas", "parallelism", "completions", "backoffLimit", "activeDeadlineSeconds",
        "ttlSecondsAfterFinished", "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit",
        "revisionHistoryLimit", "terminationGracePeriodSeconds", "gracePeriodSeconds", "stabilizationWindowSeconds",
        "defaultMode", "suspend", "enableServiceLinks", "automountServiceAccountToken", "immutable", "controller",
        "blockOwnerDeletion", "maxSurge", "maxUnavailable",
    }
)  # fmt: skip
"""Fields that Go holds as pointers: a zero on the wire was written by somebody. All other zeros mean an unset field."""

Value = int | bytes


class _Broken(ValueError):
    """The bytes are no message."""


def decode_protobuf(raw: bytes) -> dict[str, Any]:
    """The object of a body, as it would be in JSON.

    Raises:
        StatusError: 400, the body cannot be read, or holds a kind that is not served.
    """
    try:
        return _decoded(raw)
    except (_Broken, IndexError, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise bad_request(f"couldn't read a protobuf body: {error}") from None


def _decoded(raw: bytes) -> dict[str, Any]:
    if not raw.startswith(MAGIC):
        raise _Broken("it does not begin with k8s")
    envelope = {number: value for number, value in _fields(raw[len(MAGIC) :]) if isinstance(value, bytes)}
    told = {number: value for number, value in _fields(envelope.get(1, b"")) if isinstance(value, bytes)}
    version, kind = told.get(1, b"").decode(), told.get(2, b"").decode()
    message = _message_of(version, kind)
    return {"apiVersion": version, "kind": kind, **_message(message, envelope.get(2, b""))}


def _message_of(version: str, kind: str) -> str:
    if kind == "DeleteOptions":
        return META + kind
    served = {(known.api_version, known.kind): known.message for known in KINDS} | _OTHERS
    if (version, kind) not in served:
        raise _Broken(f'no kind "{kind}" is registered for version "{version}"')
    return served[version, kind]


def _fields(raw: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message in order: number, and a whole number or bytes."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        match tag & 7:
            case 0:
                value, at = _varint(raw, at)
                yield tag >> 3, value
            case 2:
                length, at = _varint(raw, at)
                if at + length > len(raw):
                    raise _Broken("it ends within a field")
                yield tag >> 3, raw[at : at + length]
                at += length
            case other:
                raise _Broken(f"wire type {other} is not used by Kubernetes")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise _Broken("a number is too long")


def _message(name: str, raw: bytes) -> dict[str, Any]:
    fields = {field.number: field for field in field_table().message(name).wire}
    found: dict[str, Any] = {}
    for number, value in _fields(raw):
        field = fields.get(number)
        if field is not None:
            _put(found, field, value)
    return found


def _put(found: dict[str, Any], field: Field, value: Value) -> None:
    match field.container:
        case "list":
            found.setdefault(field.name, []).extend(_items(field, value))
        case "map":
            pair = dict(_fields(_bytes(value)))
            entries = found.setdefault(field.name, {})
            entries[_bytes(pair.get(1, b"")).decode()] = _single(field, pair.get(2, b""))
        case _ if field.inline:
            found.update(_message(field.type, _bytes(value)))
        case _:
            decoded = _single(field, value)
            if decoded not in ("", 0, None) or (decoded == 0 and field.name in _MEANT_ZERO):
                found[field.name] = decoded


def _items(field: Field, value: Value) -> list[Any]:
    if field.type in ("int32", "int64", "bool") and isinstance(value, bytes):
        packed, at = [], 0
        while at < len(value):
            number, at = _varint(value, at)
            packed.append(_single(field, number))
        return packed
    return [_single(field, value)]


def _single(field: Field, value: Value) -> Any:
    """One value as JSON has it; None for a time that is not set."""
    match field.type:
        case "bool":
            return bool(value)
        case "int32" | "int64":
            return _signed(value)
        case "string":
            return _bytes(value).decode()
        case "bytes":
            return base64.b64encode(_bytes(value)).decode()
        case "time" | "microtime":
            return _time(_bytes(value))
        case "quantity":
            return _bytes(dict(_fields(_bytes(value))).get(1, b"")).decode()
        case "intstr":
            parts = dict(_fields(_bytes(value)))
            return _bytes(parts.get(3, b"")).decode() if parts.get(1, 0) else _signed(parts.get(2, 0))
        case "raw":
            inner = _bytes(dict(_fields(_bytes(value))).get(1, b""))
            return json.loads(inner) if inner else None
        case message:
            return _message(message, _bytes(value))


def _time(raw: bytes) -> str | None:
    parts = dict(_fields(raw))
    if not parts:
        return None
    return datetime.fromtimestamp(_signed(parts.get(1, 0)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _signed(value: Value) -> int:
    if isinstance(value, bytes):
        raise _Broken("bytes where a number should be")
    return value - 2**64 if value >= 2**63 else value


def _bytes(value: Value) -> bytes:
    if isinstance(value, int):
        raise _Broken("a number where bytes should be")
    return value
