"""Open Inference Protocol v2 messages of the model, from and to JSON."""

from __future__ import annotations

import re

import msgspec
import numpy as np
from numpy.typing import NDArray

from stack.common.features import COUNT, NAMES
from stack.registry.versions import ModelVersion

INPUT, OUTPUT, DATATYPE = "features", "probability", "FP32"
MAX_ROWS = 4096

_PLACE = re.compile(r"^(?P<what>.*) - at `\$\.inputs\[\d+\]\.data\[(?P<first>\d+)\](?:\[(?P<second>\d+)\])?`$")


class BadRequest(Exception):
    """A request that cannot be answered: an HTTP status and one line that names the field or row at fault."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Flat(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]
    data: list[float | None]


class _Nested(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]
    data: list[list[float | None]]


class _FlatRequest(msgspec.Struct):
    inputs: list[_Flat]
    id: str = ""


class _NestedRequest(msgspec.Struct):
    inputs: list[_Nested]
    id: str = ""


class _Output(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]
    data: list[float]


class _Parameters(msgspec.Struct):
    sha256: str


class _Answer(msgspec.Struct, omit_defaults=True):
    model_name: str
    model_version: str
    parameters: _Parameters
    outputs: list[_Output]
    id: str = ""


class _Refusal(msgspec.Struct):
    error: str


_flat_decoder = msgspec.json.Decoder(_FlatRequest)
_nested_decoder = msgspec.json.Decoder(_NestedRequest)
_encoder = msgspec.json.Encoder()


def infer_paths(version: ModelVersion) -> frozenset[str]:
    """Where scoring requests for the version go."""
    model = f"/v2/models/{version.model}"
    return frozenset({f"{model}/infer", f"{model}/versions/{version.version}/infer"})


def decode(body: bytes) -> tuple[str, NDArray[np.float32]]:
    """
    The request's id (may be empty) and its rows `[n, 12]`, NaN for `null`; data flat or as rows.

    Raises:
        BadRequest: 400 for what is not JSON, 422 for JSON that is not such a request.
    """
    request: _FlatRequest | _NestedRequest
    try:
        request = _flat_decoder.decode(body)
    except msgspec.ValidationError as error:
        request = _decode_nested(body, error)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(400, f"the body is not JSON: {error}") from error
    if len(request.inputs) != 1 or request.inputs[0].name != INPUT:
        names = ", ".join(repr(tensor.name) for tensor in request.inputs) or "none"
        raise BadRequest(422, f"inputs: expected one tensor named '{INPUT}', found {names}")
    tensor = request.inputs[0]
    if tensor.datatype != DATATYPE:
        raise BadRequest(422, f"inputs[0].datatype: expected {DATATYPE}, found {tensor.datatype!r}")
    return request.id, _rows(tensor)


def _decode_nested(body: bytes, flat_error: msgspec.ValidationError) -> _NestedRequest:
    """Read data given as rows; the error told is the one of the form that the request used."""
    try:
        return _nested_decoder.decode(body)
    except msgspec.ValidationError as error:
        nested = re.search(r"\.data\[\d+\]`$", str(flat_error)) and "array" in str(flat_error)
        raise BadRequest(422, _explain(str(error if nested else flat_error))) from error


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


def _rows(tensor: _Flat | _Nested) -> NDArray[np.float32]:
    shape = tensor.shape
    if len(shape) != 2 or shape[1] != COUNT or not 1 <= shape[0] <= MAX_ROWS:
        raise BadRequest(422, f"inputs[0].shape: expected [n, {COUNT}] with n from 1 to {MAX_ROWS}, found {shape}")
    data = tensor.data
    if isinstance(tensor, _Nested):
        for row, values in enumerate(tensor.data):
            if len(values) != COUNT:
                raise BadRequest(422, f"row {row}: expected {COUNT} values, found {len(values)}")
        if len(data) != shape[0]:
            raise BadRequest(422, f"inputs[0].data: expected {shape[0]} rows, found {len(data)}")
    elif len(data) != shape[0] * COUNT:
        raise BadRequest(422, f"inputs[0].data: shape {shape} needs {shape[0] * COUNT} values, found {len(data)}")
    with np.errstate(over="ignore"):
        rows = np.array(data, dtype=np.float32).reshape(shape)
    if np.isinf(rows).any():
        row, column = (int(place) for place in np.argwhere(np.isinf(rows))[0])
        raise BadRequest(422, f"row {row}, {NAMES[column]}: the value is too large for {DATATYPE}")
    return rows


def encode(version: ModelVersion, id: str, probability: NDArray[np.float32]) -> bytes:
    """The JSON answer: probabilities `[n]`, the version that gave them, and the request's id."""
    output = _Output(OUTPUT, DATATYPE, [len(probability)], probability.tolist())
    return _encoder.encode(_Answer(version.model, version.version, _Parameters(version.sha256), [output], id))


def refusal(message: str) -> bytes:
    """The JSON of a refused request."""
    return _encoder.encode(_Refusal(message))
