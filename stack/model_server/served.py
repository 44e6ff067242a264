"""One version being served: its requests wait here until the event loop's next turn, and are scored together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np

from stack.common.errors import StartError
from stack.model_server.answer import AnswerForm, refusal
from stack.model_server.protocol import DATATYPE, INPUT, BadRequest, Question, decode, matrix, refuse_infinite
from stack.model_server.scorer import TYPICAL, Scorer

Deliver = Callable[[int, bytes, int | None], None]
"""Takes the answer to one question: HTTP status, body, and where its JSON ends if a binary tensor follows."""

MAX_BATCH_ROWS = 256
"""Rows that are waited for; a request with more is scored alone."""

_REQUEST = msgspec.json.encode(
    {"inputs": [{"name": INPUT, "datatype": DATATYPE, "shape": [1, len(TYPICAL)], "data": TYPICAL}]}
)
"""A scoring request for the median flight."""


class _Waiting(NamedTuple):
    question: Question
    deliver: Deliver


class ServedVersion:
    """
    Answers questions with one scorer, those of one turn of the event loop in one run of the model.

    The answer to a question is the same, bit for bit, whatever it is scored together with.
    """

    def __init__(self, scorer: Scorer, log: logging.Logger, max_batch_rows: int = MAX_BATCH_ROWS) -> None:
        self.version = scorer.version
        self._scorer = scorer
        self._log = log
        self._form = AnswerForm(scorer.version)
        self._max_rows = max_batch_rows
        self._waiting: list[_Waiting] = []
        self._rows = 0

    def ask(self, question: Question, deliver: Deliver) -> None:
        """Answer a question: in the next turn of the running loop, or at once when that fills a batch."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.answer_waiting)
        self._waiting.append(_Waiting(question, deliver))
        self._rows += question.count
        if self._rows >= self._max_rows:
            self.answer_waiting()

    def answer_waiting(self) -> None:
        """Score what waits and deliver the answers."""
        waiting, self._waiting, self._rows = self._waiting, [], 0
        if waiting:
            self._answer(waiting)

    def check(self) -> None:
        """
        Answer a scoring request for the median flight, the way any request is answered.

        Raises:
            StartError: what came is no answer with a probability.
        """
        answers: list[tuple[int, bytes]] = []
        self._answer([_Waiting(decode(_REQUEST), lambda status, body, _: answers.append((status, body)))])
        status, body = answers[0]
        named = f"{self.version.model} version {self.version.version}"
        if status != 200:
            raise StartError(f"{named} does not answer: {body.decode()}")
        probability = msgspec.json.decode(body)["outputs"][0]["data"][0]
        if not 0 <= probability <= 1:
            raise StartError(f"{named}: the self-test gave {probability}, which is no probability")

    def _answer(self, waiting: list[_Waiting]) -> None:
        rows = matrix([item.question for item in waiting])
        if np.isinf(rows).any():
            if len(waiting) > 1:
                self._one_by_one(waiting)
                return
            try:
                refuse_infinite(rows)
            except BadRequest as error:
                waiting[0].deliver(error.status, refusal(str(error)), None)
                return
        try:
            late = self._scorer.score(rows)
            if not np.isfinite(late).all():
                raise ValueError("the model gave something that is no number")
        except Exception:  # ONNX Runtime's errors share no base; none may take others' answers or the process with it
            if len(waiting) > 1:
                self._one_by_one(waiting)
                return
            self._log.exception("the model failed on a request")
            waiting[0].deliver(500, refusal("the model failed on this request"), None)
            return
        figures = late.tolist()
        start = 0
        for question, deliver in waiting:
            end = start + question.count
            if question.binary:
                content = self._form.binary(question.id, late[start:end])
                deliver(200, content.body, content.json_length)
            else:
                deliver(200, self._form.json(question.id, figures[start:end]), None)
            start = end

    def _one_by_one(self, waiting: list[_Waiting]) -> None:
        """Something among them is wrong: nobody but who asked it may notice."""
        for item in waiting:
            self._answer([item])
