"""What a planned request came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """Every planned request is counted as exactly one of these, when it is decided."""

    GOOD = "good"
    """A valid answer came within the limit."""
    SLOW = "slow"
    """The limit passed without an answer."""
    ERROR = "error"
    """No connection, a broken one, or another status than 200."""
    INVALID = "invalid"
    """Status 200 with something that is no probability for this flight."""
    TIMEOUT = "timeout"
    """The feed gave up; only where it gives up before the limit passes."""


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class _Parameters(msgspec.Struct):
    sha256: str = ""


class _Inference(msgspec.Struct):
    id: str
    model_version: str
    outputs: list[_Tensor]
    parameters: _Parameters = msgspec.field(default_factory=_Parameters)


@dataclass(frozen=True, slots=True)
class ValidAnswer:
    """A probability, and the model version that gave it."""

    probability: float
    model_version: str
    sha256: str


_decode = msgspec.json.Decoder(_Inference).decode


def read_answer(body: bytes, flight_id: str) -> ValidAnswer | None:
    """The answer for one flight; None where it is not for it, has not shape `[1]`, or is no number from 0 to 1."""
    try:
        inference = _decode(body)
    except msgspec.DecodeError:
        return None
    tensor = next((tensor for tensor in inference.outputs if tensor.name == "probability"), None)
    if tensor is None or inference.id != flight_id or tensor.datatype != "FP32":
        return None
    if tensor.shape != [1] or len(tensor.data) != 1 or not 0.0 <= tensor.data[0] <= 1.0:
        return None
    return ValidAnswer(tensor.data[0], inference.model_version, inference.parameters.sha256)
