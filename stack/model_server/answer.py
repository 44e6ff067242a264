"""Open Inference Protocol v2 answers, all of them but the figures encoded once per model version."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from stack.model_server.protocol import DATATYPE, OUTPUT
from stack.registry.versions import ModelVersion

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Content:
    """The body of an answer; with a binary tensor, `json_length` says where its JSON ends."""

    body: bytes
    json_length: int | None = None


class AnswerForm:
    """Writes the answers of one version."""

    def __init__(self, version: ModelVersion) -> None:
        opening = {
            "model_name": version.model,
            "model_version": version.version,
            "parameters": {"sha256": version.sha256},
        }
        tensor = {"name": OUTPUT, "datatype": DATATYPE}
        self._opening = _encode(opening)[:-1] + b',"outputs":[' + _encode(tensor)[:-1] + b',"shape":['

    def json(self, id: str, probabilities: list[float]) -> bytes:
        """The answer with its probabilities `[n]` as JSON; `id` is left out when empty."""
        named = b',"id":' + _encode(id) if id else b""
        if len(probabilities) == 1:
            return self._opening + b'1],"data":[%b]}]%b}' % (repr(probabilities[0]).encode(), named)
        data = _encode(probabilities)
        return self._opening + b'%d],"data":%b}]%b}' % (len(probabilities), data, named)

    def binary(self, id: str, probabilities: NDArray[np.float32]) -> Content:
        """The answer with its probabilities `[n]` as little-endian FP32 after the JSON."""
        named = b',"id":' + _encode(id) if id else b""
        data = probabilities.astype("<f4", copy=False).tobytes()
        sized = b'%d],"parameters":{"binary_data_size":%d}}]%b}' % (len(probabilities), len(data), named)
        head = self._opening + sized
        return Content(head + data, len(head))


def refusal(message: str) -> bytes:
    """The JSON of a refused request."""
    return _encode({"error": message})
