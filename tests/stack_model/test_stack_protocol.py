"""Scoring requests are read strictly, and a refusal names the field or the row and feature."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from stack.model_server.answer import AnswerForm
from stack.model_server.protocol import MAX_ROWS, BadRequest, decode, matrix, refuse_infinite
from stack.model_server.service import infer_paths
from stack.registry.versions import resolve

Body = Callable[..., bytes]


def test_null_is_a_missing_value(body: Body) -> None:
    question = decode(body())
    rows = matrix([question])
    assert (question.id, question.count, question.binary) == ("UA1-1001-EWR-IAH", 1, False)
    assert rows.shape == (1, 12)
    assert rows.dtype == np.float32
    assert np.flatnonzero(np.isnan(rows[0])).tolist() == [8]


def test_rows_and_flat_data_are_the_same(body: Body) -> None:
    flat = [float(value) for value in range(24)]
    nested = [flat[:12], flat[12:]]
    rows = matrix([decode(body(flat, (2, 12))), decode(body(nested, (2, 12)))])
    np.testing.assert_array_equal(rows, [*nested, *nested])


def test_an_answer_names_model_version_and_hash() -> None:
    version = resolve("champion")
    answer = json.loads(AnswerForm(version).json("a flight", [0.25, 0.5]))
    assert answer == {
        "id": "a flight",
        "model_name": "flight-risk",
        "model_version": "2",
        "parameters": {"sha256": version.sha256},
        "outputs": [{"name": "probability", "datatype": "FP32", "shape": [2], "data": [0.25, 0.5]}],
    }


def test_a_request_without_id_gets_an_answer_without() -> None:
    assert "id" not in json.loads(AnswerForm(resolve("champion")).json("", [0.25]))


@pytest.mark.parametrize("figure", [0.0, 1.0, 1e-30, 0.1 + 0.2, 5e-324])
def test_a_figure_is_written_exactly(figure: float) -> None:
    form = AnswerForm(resolve("champion"))
    for figures in ([figure], [figure, 0.5]):
        assert json.loads(form.json('"\\', figures))["outputs"][0]["data"] == figures


def test_scores_are_asked_for_with_and_without_version() -> None:
    assert sorted(infer_paths(resolve("1"))) == [
        "/v2/models/flight-risk/infer",
        "/v2/models/flight-risk/versions/1/infer",
    ]


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xff", b'{"inputs": NaN}', b'{"a":' + b"[" * 100_000])
def test_what_is_not_json_is_400(text: bytes) -> None:
    with pytest.raises(BadRequest, match="the body is not JSON") as caught:
        decode(text)
    assert caught.value.status == 400


TWELVE: list[object] = [1.0] * 12
REFUSALS: list[tuple[dict[str, object], str]] = [
    ({"data": TWELVE[:11]}, "inputs[0].data: shape [1, 12] needs 12 values, found 11"),
    ({"data": []}, "inputs[0].data: shape [1, 12] needs 12 values, found 0"),
    ({"data": [*TWELVE[:3], "far", *TWELVE[4:]]}, "row 0, distance: Expected `float | null`, got `str`"),
    (
        {"data": [*TWELVE, *TWELVE[:9], True, 1, 1], "shape": [2, 12]},
        "row 1, temp: Expected `float | null`, got `bool`",
    ),
    ({"data": [TWELVE, [*TWELVE[:9], "x", 1, 1]], "shape": [2, 12]}, "row 1, temp: Expected `float | null`, got `str`"),
    ({"data": [TWELVE, TWELVE[:5]], "shape": [2, 12]}, "row 1: expected 12 values, found 5"),
    ({"data": [TWELVE], "shape": [2, 12]}, "inputs[0].data: expected 2 rows, found 1"),
    ({"data": [1e39, *TWELVE[1:]]}, "row 0, dep_delay: the value is too large for FP32"),
    ({"data": [-1e39, *TWELVE[1:]]}, "row 0, dep_delay: the value is too large for FP32"),
    (
        {"data": [*TWELVE[:11], float("inf")]},
        "row 0, visib: Infinity is no JSON number; write null for a missing value",
    ),
    (
        {"data": [TWELVE, [float("nan"), *TWELVE[1:]]], "shape": [2, 12]},
        "row 1, dep_delay: NaN is no JSON number; write null for a missing value",
    ),
    ({"data": "all"}, "inputs[0].data: Expected `array`, got `str`"),
    ({"shape": [12]}, f"inputs[0].shape: expected [n, 12] with n from 1 to {MAX_ROWS}, found [12]"),
    ({"shape": [0, 12], "data": []}, f"inputs[0].shape: expected [n, 12] with n from 1 to {MAX_ROWS}, found [0, 12]"),
    ({"shape": ["1", 12]}, "inputs[0].shape[0]: Expected `int`, got `str`"),
    ({"datatype": "FP64"}, "inputs[0].datatype: expected FP32, found 'FP64'"),
    ({"name": "rows"}, "inputs: expected one tensor named 'features', found 'rows'"),
]


@pytest.mark.parametrize(("changes", "told"), REFUSALS, ids=[told for _, told in REFUSALS])
def test_a_wrong_tensor_is_refused_by_name(body: Body, changes: dict[str, object], told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        refuse_infinite(matrix([decode(body(**{"data": TWELVE, **changes}))]))
    assert (caught.value.status, str(caught.value)) == (422, told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"[]", "the body: Expected `object`, got `array`"),
        (b"{}", "the body: Object missing required field `inputs`"),
        (b'{"inputs": []}', "inputs: expected one tensor named 'features', found none"),
        (b'{"id": 5, "inputs": []}', "id: Expected `str`, got `int`"),
        (b'{"inputs": [{"name": "features"}]}', "inputs[0]: Object missing required field `datatype`"),
    ],
)
def test_a_wrong_envelope_is_refused_by_name(text: bytes, told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode(text)
    assert (caught.value.status, str(caught.value)) == (422, told)
