"""What a version takes and gives, in the form of MLflow's model signatures with tensor columns."""

from __future__ import annotations

import json

from stack.common.features import COUNT

INPUT, OUTPUT = "features", "probabilities"


def _tensor(name: str, width: int) -> dict[str, object]:
    return {"name": name, "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, width]}}


SIGNATURE = json.dumps({"inputs": [_tensor(INPUT, COUNT)], "outputs": [_tensor(OUTPUT, 2)]}, separators=(",", ":"))
"""Twelve features a row, NaN for missing; the probabilities of landing on time and late."""
