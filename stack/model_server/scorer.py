"""The loaded model: rows of features in, probabilities out."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from stack.common.errors import StartError
from stack.common.features import COUNT
from stack.model_server.signature import mismatch
from stack.registry.versions import ModelVersion

TYPICAL = [-2.0, 14.0, 163.0, 820.0, 5.0, 1.0, 1.1, -7.0, -6.3, 62.0, 10.4, 10.0]
"""The median flight of the October pool."""

_RUNTIME_ERRORS = (
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.InvalidProtobuf,
    runtime.NotImplemented,
    runtime.RuntimeException,
)
"""What ONNX Runtime raises for a file it cannot serve; they share no base of their own."""


class Scorer:
    """One version of the model in ONNX Runtime, on one thread."""

    def __init__(self, version: ModelVersion, session: onnxruntime.InferenceSession) -> None:
        self.version = version
        self._session = session

    @classmethod
    def load(cls, version: ModelVersion) -> Scorer:
        """
        Verify the file's hash, load it and let it answer a self-test.

        Raises:
            StartError: wrong hash, not a model, or no sensible answer for the median flight and for one without values.
        """
        content = version.content()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            if wrong := mismatch(session):
                raise StartError(f"{version.path}: not a model that can be served: {wrong}")
            scorer = cls(version, session)
            answer = scorer.score(np.array([TYPICAL, [np.nan] * COUNT], dtype=np.float32))
        except (*_RUNTIME_ERRORS, ValueError) as error:
            raise StartError(f"{version.path}: not a model that can be served: {error}") from error
        if answer.shape != (2,) or not np.all((answer >= 0.0) & (answer <= 1.0)):
            raise StartError(f"{version.path}: the self-test gave {answer.tolist()}, which are no probabilities")
        return scorer

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """
        Probabilities `[n]` of landing 15 minutes late or more, for rows `[n, 12]` with NaN for missing.

        ONNX Runtime has another kernel for one row alone, whose answers differ in the last bit. A lone row is scored
        twice over, so that an answer never depends on what else was in its batch.
        """
        batch = rows if len(rows) > 1 else np.concatenate((rows, rows))
        (both,) = self._session.run(["probabilities"], {"features": batch})
        late: NDArray[np.float32] = both[: len(rows), 1]
        return late
