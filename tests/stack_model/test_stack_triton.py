"""NVIDIA's own client of the protocol gets along with the model server, in JSON and with binary tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stack.data.pool import load_pool
from stack.model_server.scorer import Scorer
from stack.registry.versions import resolve

if TYPE_CHECKING:
    from conftest import Starter

triton = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is in the development group")
MODEL = "flight-risk"


@pytest.fixture(scope="module")
def client(start_server: Starter) -> Any:
    server = start_server()
    server.until(lambda: server.ask("/v2/health/ready").status == 200)
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


@pytest.fixture(scope="module")
def rows() -> NDArray[np.float32]:
    return load_pool("calm").features[:300]


def tensor(rows: NDArray[np.float32], *, binary: bool = True) -> Any:
    tensor = triton.InferInput("features", list(rows.shape), "FP32")
    return tensor.set_data_from_numpy(rows, binary_data=binary)


def test_health(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "2")
    assert not client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready("another")


def test_metadata(client: Any) -> None:
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert client.get_model_metadata(MODEL)["versions"] == ["2"]
    assert client.get_model_config(MODEL, "2")["input"] == [
        {"name": "features", "data_type": "TYPE_FP32", "dims": [-1, 12]}
    ]
    assert client.get_model_repository_index() == [{"name": MODEL, "version": "2", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("sent_binary", [True, False])
@pytest.mark.parametrize("wanted_binary", [None, True, False])
def test_inference(client: Any, rows: NDArray[np.float32], sent_binary: bool, wanted_binary: bool | None) -> None:
    sent = rows if sent_binary else np.nan_to_num(rows)
    wanted = None if wanted_binary is None else [triton.InferRequestedOutput("probability", binary_data=wanted_binary)]
    result = client.infer(MODEL, [tensor(sent, binary=sent_binary)], outputs=wanted, request_id="a flight")
    np.testing.assert_array_equal(result.as_numpy("probability"), Scorer.load(resolve("2")).score(sent))
    answer = result.get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("a flight", MODEL, "2")
    assert ("data" in answer["outputs"][0]) == (wanted_binary is False)


def test_parameters_of_others_do_no_harm(client: Any, rows: NDArray[np.float32]) -> None:
    client.infer(MODEL, [tensor(rows)], model_version="2", sequence_id=3, priority=1, timeout=5, parameters={"a": "b"})


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"model_version": "1"}, "404", "version '1' of flight-risk is not served here; there is: 2"),
        ({"outputs": ["label"]}, "422", "outputs[0].name: expected 'probability', found 'label'"),
        ({"request_compression_algorithm": "gzip"}, "415", "the body must come as it is, without content-encoding"),
    ],
)
def test_refusals(client: Any, rows: NDArray[np.float32], change: dict[str, Any], status: str, told: str) -> None:
    outputs = [triton.InferRequestedOutput(name) for name in change.pop("outputs", ["probability"])]
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer(MODEL, [tensor(rows)], outputs=outputs, **change)
    assert (caught.value.status(), caught.value.message()) == (status, told)
