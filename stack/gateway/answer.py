"""What the gateway reads of an answer of the Open Inference Protocol v2."""

from __future__ import annotations

import msgspec

UNKNOWN_VERSION = "unknown"
"""The model version of an answer that is no prediction."""


class Tensor(msgspec.Struct):
    """A tensor, as far as the gateway reads it."""

    name: str
    data: list[float]


class Inference(msgspec.Struct):
    """An answer, as far as the gateway reads it."""

    outputs: list[Tensor]
    model_version: str = UNKNOWN_VERSION
    id: str = ""

    @property
    def probabilities(self) -> list[float]:
        """The values of the output `probability`; none where it has no such output."""
        return next((tensor.data for tensor in self.outputs if tensor.name == "probability"), [])


NOTHING = Inference([])
"""What is read of an answer that is none."""

_decode = msgspec.json.Decoder(Inference).decode


def read_inference(body: bytes) -> Inference:
    """The answer in `body`, or `NOTHING`, so that an answer of another form is still passed on."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOTHING
