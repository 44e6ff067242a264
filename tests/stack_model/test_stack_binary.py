"""Binary tensors are read as strictly as JSON, and a file whose tensors are others is not served."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from stack.model_server.answer import AnswerForm
from stack.model_server.protocol import BadRequest, decode, matrix
from stack.model_server.signature import Node, mismatch
from stack.registry.versions import resolve

ROWS = np.array([[1.0] * 11 + [np.nan], [-0.0] * 12], dtype="<f4")


def request(size: object = 96, tail: bytes | None = None, **changes: object) -> tuple[bytes, int]:
    """A request of two rows as bytes, and the length of its JSON; `changes` replace members of the request."""
    tensor = {"name": "features", "datatype": "FP32", "shape": [2, 12], "parameters": {"binary_data_size": size}}
    head = json.dumps({"id": "a", "inputs": [tensor]} | changes).encode()
    return head + (ROWS.tobytes() if tail is None else tail), len(head)


def test_bytes_are_rows_and_nan_is_missing() -> None:
    question = decode(*request())
    assert (question.id, question.count, question.binary) == ("a", 2, False)
    np.testing.assert_array_equal(matrix([question]), ROWS)


def test_both_forms_share_a_batch() -> None:
    flat = json.dumps({"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 12], "data": [2.0] * 12}]})
    rows = matrix([decode(flat.encode()), decode(*request())])
    np.testing.assert_array_equal(rows, np.concatenate([np.full((1, 12), 2.0, dtype=np.float32), ROWS]))


@pytest.mark.parametrize(
    ("wish", "binary"),
    [
        ({"parameters": {"binary_data_output": True}}, True),
        ({"outputs": [{"name": "probability", "parameters": {"binary_data": True}}]}, True),
        ({"outputs": [{"name": "probability"}], "parameters": {"binary_data_output": True}}, True),
        (
            {
                "outputs": [{"name": "probability", "parameters": {"binary_data": False}}],
                "parameters": {"binary_data_output": True},
            },
            False,
        ),
        ({"outputs": []}, False),
    ],
)
def test_the_output_says_its_form_before_the_request(wish: dict[str, object], binary: bool) -> None:
    assert decode(*request(**wish)).binary is binary


def test_a_binary_answer_says_where_its_json_ends() -> None:
    content = AnswerForm(resolve("champion")).binary("a", np.array([0.25, 0.5], dtype=np.float32))
    answer = json.loads(content.body[: content.json_length])
    assert answer["outputs"] == [
        {"name": "probability", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}
    ]
    assert answer["id"] == "a"
    assert np.frombuffer(content.body[content.json_length :], dtype="<f4").tolist() == [0.25, 0.5]


SIZE = "inputs[0].parameters.binary_data_size: "
REFUSALS: list[tuple[tuple[bytes, int], int, str]] = [
    (request(95), 422, SIZE + "shape [2, 12] needs 96 bytes, found 95"),
    (request("96"), 422, SIZE + "shape [2, 12] needs 96 bytes, found '96'"),
    (request(tail=b"123"), 422, SIZE + "expected 96 bytes after the JSON, found 3"),
    (request(tail=ROWS.tobytes() + b"1"), 422, SIZE + "expected 96 bytes after the JSON, found 97"),
    ((b"{}", 3), 400, "inference-header-content-length: expected 1 to 2, found 3"),
    ((b"{}", 0), 400, "inference-header-content-length: expected 1 to 2, found 0"),
    (request(outputs=[{"name": "probability"}] * 2), 422, "outputs[1].name: 'probability' is asked for twice"),
    (
        request(parameters={"binary_data_output": 1}),
        422,
        "parameters.binary_data_output: expected true or false, found 1",
    ),
    (request(parameters={"a": []}), 422, "parameters[...]: Expected `bool | int | float | str`, got `array`"),
    (request(inputs=[]), 422, "inputs: expected one tensor named 'features', found none"),
]


@pytest.mark.parametrize(("sent", "status", "told"), REFUSALS, ids=[told for _, _, told in REFUSALS])
def test_what_does_not_fit_is_refused_by_place(sent: tuple[bytes, int], status: int, told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode(*sent)
    assert str(caught.value) == told
    assert caught.value.status == status


@dataclass
class Tensor:
    """A tensor of a file."""

    name: str
    type: str
    shape: list[int | str | None]


@dataclass
class File:
    """The tensors of a file."""

    inputs: list[Node] = field(default_factory=lambda: [Tensor("features", "tensor(float)", [None, 12])])
    outputs: list[Node] = field(default_factory=lambda: [Tensor("probabilities", "tensor(float)", ["n", 2])])

    def get_inputs(self) -> list[Node]:
        return self.inputs

    def get_outputs(self) -> list[Node]:
        return self.outputs


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (File(), ""),
        (File(outputs=[Tensor("label", "tensor(int64)", [None]), *File().outputs]), ""),
        (File(inputs=[]), "it has no input features; it should have features FP32 [-1, 12]"),
        (
            File(inputs=[*File().inputs, Tensor("noise", "tensor(float)", [None])]),
            "it takes input noise, which nobody sends; it should take features FP32 [-1, 12]",
        ),
        (
            File(inputs=[Tensor("features", "tensor(double)", [None, 12])]),
            "input features is tensor(double); it should be tensor(float)",
        ),
        (
            File(inputs=[Tensor("features", "tensor(float)", [None, 11])]),
            "input features has shape [None, 11]; it should have [-1, 12]",
        ),
        (
            File(inputs=[Tensor("features", "tensor(float)", [1, 12])]),
            "input features has shape [1, 12]; it should have [-1, 12]",
        ),
        (
            File(outputs=[Tensor("probabilities", "tensor(float)", [None])]),
            "output probabilities has shape [None]; it should have [-1, 2]",
        ),
        (File(outputs=[]), "it has no output probabilities; it should have probabilities FP32 [-1, 2]"),
    ],
)
def test_the_tensors_of_a_file_are_those_that_are_served(file: File, told: str) -> None:
    assert mismatch(file) == told
