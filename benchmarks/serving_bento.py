"""The model served by BentoML and ONNX Runtime; runs in an environment without the rest of this repository."""

# BentoML reads the annotations of its methods, so they are not postponed here.

import os

import bentoml
import numpy as np
import onnxruntime
from pydantic import BaseModel


class Tensor(BaseModel):
    """A tensor of the request."""

    name: str
    datatype: str
    shape: list[int]
    data: list[float | None]


class Output(BaseModel):
    """A tensor of the answer."""

    name: str
    datatype: str
    shape: list[int]
    data: list[float]


class Answer(BaseModel):
    """The answer to a scoring request."""

    model_name: str
    model_version: str
    id: str
    outputs: list[Output]


@bentoml.service(metrics={"enabled": False}, logging={"access": {"enabled": False}})
class FlightRisk:
    """Answers scoring requests."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(os.environ["ONNX_FILE"], options, providers=providers)

    @bentoml.api(route="/v2/models/flight-risk/infer")
    def infer(self, id: str, inputs: list[Tensor]) -> Answer:
        """The probability of each row."""
        rows = np.array(inputs[0].data, dtype=np.float32).reshape(inputs[0].shape)
        (both,) = self.session.run(["probabilities"], {"features": rows})
        late = both[:, 1].tolist()
        output = Output(name="probability", datatype="FP32", shape=[len(late)], data=late)
        return Answer(model_name="flight-risk", model_version="2", id=id, outputs=[output])
