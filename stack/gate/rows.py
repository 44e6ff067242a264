"""The rows of a scoring request of the Open Inference Protocol v2, as far as they can be read without refusing any."""

from __future__ import annotations

import math
import struct
from array import array

import msgspec

from stack.common.features import COUNT
from stack.gate.contract import Value

Row = list[Value]
"""Twelve values in the order of the model's input."""

_packer = struct.Struct(f"<{COUNT}f")
PACKED_BYTES = _packer.size
"""Bytes of a packed row."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Flat(msgspec.Struct, gc=False):
    name: str
    data: list[float | None]


class _FlatRequest(msgspec.Struct, gc=False):
    inputs: list[_Flat]


class _Any(msgspec.Struct, gc=False):
    name: str
    data: list[object] | None = None


class _AnyRequest(msgspec.Struct, gc=False):
    inputs: list[_Any]


_decode_flat = msgspec.json.Decoder(_FlatRequest).decode
_decode_any = msgspec.json.Decoder(_AnyRequest).decode


def read_rows(body: bytes, json_length: str | None = None) -> list[Row]:
    """
    The rows of the first tensor; none where the body has no such tensor, or not twelve values a row.

    With `json_length`, the header `inference-header-content-length`, binary values follow that much JSON. Refusing what
    cannot be read is left to the model server, which says what is wrong with it.
    """
    if json_length is not None:
        return _binary_rows(body, json_length)
    values: list[Value]
    try:
        inputs = _decode_flat(body).inputs
        values = inputs[0].data if inputs else []  # type: ignore[assignment]
    except msgspec.ValidationError:
        values = _other_values(body)
    except _UNREADABLE:
        return []
    return _in_rows(values)


def pack(row: Row) -> bytes:
    """Twelve little-endian FP32 values, NaN for missing; nothing where one is no number that FP32 can hold."""
    try:
        return _packer.pack(*row)
    except (OverflowError, struct.error):
        pass
    try:
        return _packer.pack(*[math.nan if value is None else value for value in row])
    except (OverflowError, struct.error):
        return b""


def unpack(packed: bytes) -> tuple[float, ...]:
    """
    The values that `pack` wrote, NaN for missing.

    Raises:
        ValueError: they are not twelve.
    """
    if len(packed) != _packer.size:
        raise ValueError(f"expected {_packer.size} bytes of features, found {len(packed)}")
    values: tuple[float, ...] = _packer.unpack(packed)
    return values


def _in_rows(values: list[Value]) -> list[Row]:
    if len(values) == COUNT:
        return [values]
    if len(values) % COUNT:
        return []
    return [values[begin : begin + COUNT] for begin in range(0, len(values), COUNT)]


def _other_values(body: bytes) -> list[Value]:
    """The values of data given as rows, or with something in it that is no number."""
    try:
        inputs = _decode_any(body).inputs
    except _UNREADABLE:
        return []
    data = (inputs[0].data if inputs else None) or []
    values: list[Value] = []
    for item in data:
        for value in item if isinstance(item, list) else [item]:
            values.append(
                float(value) if isinstance(value, int | float) and not isinstance(value, bool) else _told(value)
            )
    return values


def _told(value: object) -> Value:
    return None if value is None else str(value)


def _binary_rows(body: bytes, json_length: str) -> list[Row]:
    length = int(json_length) if json_length.isascii() and json_length.isdigit() else len(body) + 1
    rest = body[length:]
    if length > len(body) or len(rest) % (4 * COUNT):
        return []
    if not rest:
        return read_rows(body[:length])
    values = array("f")
    values.frombytes(rest)
    return _in_rows([*values])
