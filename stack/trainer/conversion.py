"""From a scikit-learn pipeline to an ONNX file that answers the same."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from stack.common.features import COUNT

OPSETS = {"": 17, "ai.onnx.ml": 1}
TOLERANCE = 1e-5
"""How far a probability from ONNX Runtime may be from scikit-learn's."""


def to_onnx(pipeline: Pipeline, name: str, sample: NDArray[np.float32]) -> bytes:
    """
    The pipeline as ONNX: input `features` FP32 `[n, 12]`, output `probabilities` FP32 `[n, 2]` (punctual, late).

    `sample` are rows on which both must agree.

    Raises:
        ValueError: they differ by more than `TOLERANCE`.
    """
    model = convert_sklearn(
        pipeline,
        name=name,
        initial_types=[("features", FloatTensorType([None, COUNT]))],
        target_opset=OPSETS,
        options={"zipmap": False},
    )
    content: bytes = model.SerializeToString()
    worst = float(np.max(np.abs(probabilities(content, sample) - pipeline.predict_proba(sample)[:, 1])))
    if worst > TOLERANCE:
        raise ValueError(f"the ONNX model differs from the pipeline by {worst:.2g}, more than {TOLERANCE:g}")
    return content


def probabilities(content: bytes, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probabilities `[n]` of landing late that an ONNX model gives for rows `[n, 12]`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (both,) = session.run(["probabilities"], {"features": rows})
    late: NDArray[np.float32] = both[:, 1]
    return late
