"""What the model server is compared with: the same model served the usual ways."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

from stack.model_server.scorer import Scorer
from stack.registry.versions import resolve

PATH = "/v2/models/flight-risk/infer"


class Tensor(BaseModel):
    """A tensor of the request."""

    name: str
    datatype: str
    shape: list[int]
    data: list[float | None]


class Question(BaseModel):
    """A scoring request."""

    id: str = ""
    inputs: list[Tensor]


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


def answer(question: Question, probabilities: list[float]) -> Answer:
    """The answer to a question."""
    output = Output(name="probability", datatype="FP32", shape=[len(probabilities)], data=probabilities)
    return Answer(model_name="flight-risk", model_version="2", id=question.id, outputs=[output])


def rows(question: Question) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The rows `[n, 12]` of a question."""
    return np.array(question.inputs[0].data, dtype=np.float32).reshape(question.inputs[0].shape)


def pydantic_onnx() -> FastAPI:
    """FastAPI, pydantic models in and out, ONNX Runtime."""
    app = FastAPI()
    scorer = Scorer.load(resolve("champion"))

    @app.post(PATH)
    async def infer(question: Question) -> Answer:
        return answer(question, scorer.score(rows(question)).tolist())

    return app


def plain_sklearn() -> FastAPI:
    """FastAPI, pydantic models in and out, the scikit-learn pipeline in a thread, as most tutorials have it."""
    app = FastAPI()
    pipeline = pickle.loads(Path(os.environ["PICKLE_FILE"]).read_bytes())

    @app.post(PATH)
    def infer(question: Question) -> Answer:
        return answer(question, pipeline.predict_proba(rows(question))[:, 1].tolist())

    return app
