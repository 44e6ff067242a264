"""Open Inference Protocol v2 scoring requests, in JSON and with binary tensors, read strictly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import msgspec
import numpy as np
from numpy.typing import NDArray

from stack.common.features import COUNT, NAMES
from stack.model_server.literals import nonfinite_literal

INPUT, OUTPUT, DATATYPE = "features", "probability", "FP32"
MAX_ROWS = 4096
_ROW_BYTES = 4 * COUNT

_PLACE = re.compile(r"^(?P<what>.*) - at `\$\.inputs\[\d+\]\.data\[(?P<first>\d+)\](?:\[(?P<second>\d+)\])?`$")

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoders raise for what is not JSON, or is nested deeper than anyone needs."""

Parameter = str | int | float | bool


class BadRequest(Exception):
    """A request that cannot be answered: an HTTP status and one line that names the field or row at fault."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Wanted(msgspec.Struct, gc=False):
    name: str
    parameters: dict[str, Parameter] = {}


class _Tensor(msgspec.Struct, gc=False):
    name: str
    datatype: str
    shape: list[int]


class _Flat(_Tensor, gc=False):
    data: list[float | None]


class _Nested(_Tensor, gc=False):
    data: list[list[float | None]]


class _Binary(_Tensor, gc=False):
    parameters: dict[str, Parameter] = {}
    data: list[float | None] | None = None


class _FlatRequest(msgspec.Struct, gc=False):
    inputs: list[_Flat]
    id: str = ""
    outputs: list[_Wanted] | None = None
    parameters: dict[str, Parameter] | None = None


class _NestedRequest(msgspec.Struct, gc=False):
    inputs: list[_Nested]
    id: str = ""
    outputs: list[_Wanted] | None = None
    parameters: dict[str, Parameter] | None = None


class _BinaryRequest(msgspec.Struct, gc=False):
    inputs: list[_Binary]
    id: str = ""
    outputs: list[_Wanted] | None = None
    parameters: dict[str, Parameter] | None = None


@dataclass(slots=True)
class Question:
    """One scoring request: `count` rows, their `values` one row after another, and how the answer is wanted."""

    id: str
    """May be empty."""
    count: int
    values: list[float | None] | NDArray[np.float32]
    """As JSON had them, None for missing; or FP32 with NaN, from a binary tensor."""
    binary: bool = False
    """Whether the probabilities are wanted as a binary tensor."""


_flat_decoder = msgspec.json.Decoder(_FlatRequest)
_nested_decoder = msgspec.json.Decoder(_NestedRequest)
_binary_decoder = msgspec.json.Decoder(_BinaryRequest)


def decode(body: bytes, json_length: int | None = None) -> Question:
    """
    Read a request whose data is flat or in rows; with `json_length`, so many bytes of JSON and then binary tensors.

    Raises:
        BadRequest: 400 for what is not JSON, 422 for JSON that is not such a request.
    """
    if json_length is not None:
        return _decode_binary(body, json_length)
    request: _FlatRequest | _NestedRequest
    try:
        request = _flat_decoder.decode(body)
    except msgspec.ValidationError as error:
        request = _decode_nested(body, error)
    except _UNREADABLE as error:
        _not_json(body, error)
    count = _count(request.inputs)
    tensor = request.inputs[0]
    values = tensor.data if isinstance(tensor, _Flat) else _flattened(tensor.data, count)
    if len(values) != count * COUNT:
        _wrong_length(tensor.shape, len(values))
    binary = False
    if request.outputs is not None or request.parameters is not None:
        binary = _wants_binary(request.outputs, request.parameters)
    return Question(request.id, count, values, binary)


def matrix(questions: list[Question]) -> NDArray[np.float32]:
    """The rows `[n, 12]` of all questions, in their order; NaN for missing, infinity for what FP32 cannot hold."""
    flat: list[float | None] = []
    for question in questions:
        if isinstance(question.values, list):
            flat += question.values
        else:
            break
    else:
        with np.errstate(over="ignore"):
            return np.array(flat, dtype=np.float32).reshape(-1, COUNT)
    with np.errstate(over="ignore"):
        return np.concatenate([np.asarray(item.values, dtype=np.float32) for item in questions]).reshape(-1, COUNT)


def refuse_infinite(rows: NDArray[np.float32]) -> None:
    """
    See that the rows `[n, 12]` of one question are numbers or missing.

    Raises:
        BadRequest: one is infinite, or was too large for FP32.
    """
    places = np.argwhere(np.isinf(rows))
    if len(places):
        row, column = (int(place) for place in places[0])
        raise BadRequest(422, f"row {row}, {NAMES[column]}: the value is too large for {DATATYPE}")


def _decode_nested(body: bytes, flat_error: msgspec.ValidationError) -> _NestedRequest:
    """Read data given as rows; the error told is the one of the form that the request used."""
    try:
        return _nested_decoder.decode(body)
    except msgspec.ValidationError as error:
        nested = re.search(r"\.data\[\d+\]`$", str(flat_error)) and "array" in str(flat_error)
        raise BadRequest(422, _explain(str(error if nested else flat_error))) from error
    except _UNREADABLE as error:
        _not_json(body, error)


def _decode_binary(body: bytes, json_length: int) -> Question:
    if not 0 < json_length <= len(body):
        raise BadRequest(400, f"inference-header-content-length: expected 1 to {len(body)}, found {json_length}")
    try:
        request = _binary_decoder.decode(body[:json_length])
    except msgspec.ValidationError as error:
        raise BadRequest(422, _explain(str(error))) from error
    except _UNREADABLE as error:
        _not_json(body[:json_length], error)
    count = _count(request.inputs)
    values = _binary_values(request.inputs[0], count, body[json_length:])
    return Question(request.id, count, values, _wants_binary(request.outputs, request.parameters))


def _binary_values(tensor: _Binary, count: int, rest: bytes) -> list[float | None] | NDArray[np.float32]:
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        if tensor.data is None:
            raise BadRequest(422, "inputs[0]: expected data, or parameters.binary_data_size and the bytes")
        if rest:
            raise BadRequest(422, f"{len(rest)} bytes follow the JSON, and no tensor has binary_data_size")
        if len(tensor.data) != count * COUNT:
            _wrong_length(tensor.shape, len(tensor.data))
        return tensor.data
    where = "inputs[0].parameters.binary_data_size"
    if tensor.data is not None:
        raise BadRequest(422, f"{where}: a tensor has either data or binary data, not both")
    if size != count * _ROW_BYTES or isinstance(size, bool):
        raise BadRequest(422, f"{where}: shape {tensor.shape} needs {count * _ROW_BYTES} bytes, found {size!r}")
    if len(rest) != size:
        raise BadRequest(422, f"{where}: expected {size} bytes after the JSON, found {len(rest)}")
    return np.frombuffer(rest, dtype="<f4")


def _wants_binary(outputs: list[_Wanted] | None, parameters: dict[str, Parameter] | None) -> bool:
    """Whether the one output is wanted as bytes; what is said of the output itself comes before the request's wish."""
    wished = _flag((parameters or {}).get("binary_data_output", False), "parameters.binary_data_output")
    for place, output in enumerate(outputs or ()):
        where = f"outputs[{place}]"
        if output.name != OUTPUT:
            raise BadRequest(422, f"{where}.name: expected '{OUTPUT}', found {output.name!r}")
        if place:
            raise BadRequest(422, f"{where}.name: '{OUTPUT}' is asked for twice")
        if output.parameters.get("classification"):
            raise BadRequest(422, f"{where}.parameters.classification: the model has no classes to name")
        wished = _flag(output.parameters.get("binary_data", wished), f"{where}.parameters.binary_data")
    return wished


def _flag(value: Parameter, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(422, f"{where}: expected true or false, found {value!r}")
    return value


def _count(tensors: Sequence[_Tensor]) -> int:
    """How many rows the one input tensor says it has, if that is what came."""
    if len(tensors) != 1 or tensors[0].name != INPUT:
        names = ", ".join(repr(tensor.name) for tensor in tensors[:8]) or "none"
        raise BadRequest(422, f"inputs: expected one tensor named '{INPUT}', found {names}")
    tensor, shape = tensors[0], tensors[0].shape
    if tensor.datatype != DATATYPE:
        raise BadRequest(422, f"inputs[0].datatype: expected {DATATYPE}, found {tensor.datatype!r}")
    if len(shape) != 2 or shape[1] != COUNT or not 1 <= shape[0] <= MAX_ROWS:
        raise BadRequest(422, f"inputs[0].shape: expected [n, {COUNT}] with n from 1 to {MAX_ROWS}, found {shape[:8]}")
    return shape[0]


def _flattened(rows: list[list[float | None]], count: int) -> list[float | None]:
    for row, values in enumerate(rows):
        if len(values) != COUNT:
            raise BadRequest(422, f"row {row}: expected {COUNT} values, found {len(values)}")
    if len(rows) != count:
        raise BadRequest(422, f"inputs[0].data: expected {count} rows, found {len(rows)}")
    return [value for row in rows for value in row]


def _wrong_length(shape: list[int], found: int) -> NoReturn:
    raise BadRequest(422, f"inputs[0].data: shape {shape} needs {shape[0] * COUNT} values, found {found}")


def _not_json(body: bytes, error: Exception) -> NoReturn:
    """Tell what is not JSON; NaN and Infinity, which many encoders write, by their place."""
    place = nonfinite_literal(body)
    if place is not None:
        literal, index = place
        row, column = divmod(index, COUNT)
        hint = "write null for a missing value"
        raise BadRequest(422, f"row {row}, {NAMES[column]}: {literal} is no JSON number; {hint}") from error
    raise BadRequest(400, f"the body is not JSON: {error}") from error


def _explain(text: str) -> str:
    """msgspec's message with the place in the data as row and feature."""
    match = _PLACE.match(text)
    if match is None:
        what, _, path = text.partition(" - at ")
        return f"{path.strip('`').removeprefix('$.') or 'the body'}: {what}"
    first = int(match["first"])
    if match["second"] is None:
        row, column = divmod(first, COUNT)
    else:
        row, column = first, int(match["second"])
    name = NAMES[column] if column < COUNT else f"value {column}"
    return f"row {row}, {name}: {match['what']}"
