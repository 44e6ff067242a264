"""From a scikit-learn classifier to an ONNX file that answers the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import NodeProto
from skl2onnx import convert_sklearn
from skl2onnx.common import _container
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import ClassifierMixin

from stack.common.features import COUNT

OPSETS = {"": 17, "ai.onnx.ml": 1}
TOLERANCE = 1e-5
"""How far a probability from ONNX Runtime may be from scikit-learn's."""


def to_onnx(classifier: ClassifierMixin, name: str, sample: NDArray[np.float32]) -> bytes:
    """
    The classifier as ONNX: input `features` FP32 `[n, 12]`, output `probabilities` FP32 `[n, 2]` (punctual, late).

    `sample` are rows on which both must agree.

    Raises:
        ValueError: they differ by more than `TOLERANCE`.
    """
    with _flags_as_numbers():
        model = convert_sklearn(
            classifier,
            name=name,
            initial_types=[("features", FloatTensorType([None, COUNT]))],
            target_opset=OPSETS,
            options={"zipmap": False},
        )
    opsets = sorted(model.opset_import, key=lambda item: str(item.domain))  # the converter's order is a set's
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    content: bytes = model.SerializeToString(deterministic=True)
    worst = float(np.max(np.abs(probabilities(content, sample) - classifier.predict_proba(sample)[:, 1])))
    if worst > TOLERANCE:
        raise ValueError(f"the ONNX model differs from the classifier by {worst:.2g}, more than {TOLERANCE:g}")
    return content


@contextmanager
def _flags_as_numbers() -> Iterator[None]:
    """
    Let skl2onnx write lists of booleans as the integers that the format has for them.

    Its converter of boosted trees hands `nodes_missing_value_tracks_true` on as booleans, which the message type of
    ONNX refuses.
    """
    original = _container.make_node

    def make_node(*words: object, **attributes: object) -> NodeProto:
        node: NodeProto = original(*words, **{key: _numbers(value) for key, value in attributes.items()})
        return node

    _container.make_node = make_node
    try:
        yield
    finally:
        _container.make_node = original


def _numbers(value: object) -> object:
    if isinstance(value, list) and any(isinstance(item, bool | np.bool_) for item in value):
        return [int(item) for item in value]
    return value


def probabilities(content: bytes, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probabilities `[n]` of landing late that an ONNX model gives for rows `[n, 12]`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (both,) = session.run(["probabilities"], {"features": rows})
    late: NDArray[np.float32] = both[:, 1]
    return late
