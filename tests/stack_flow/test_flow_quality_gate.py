"""The contract about features, and what the gateway does with rows that break it."""

from __future__ import annotations

import json
import logging
import math
import struct
from pathlib import Path

import msgspec
import pytest
from gateway_rig import INFER, Gateway, answering, gateway_to
from stack_flow_rig import ROOT

from stack.common.errors import StartError
from stack.common.features import FEATURES, NAMES
from stack.gate.contract import Contract, ContractError, ContractFile, contract_at, parse_contract
from stack.gate.rows import pack, read_rows, unpack
from stack.gateway.quality import Mode, _with_flags
from stack.gateway.settings import GatewaySettings, settings_from
from stack.wire.server import Request, Response

FILE = ROOT / "stack" / "platform" / "contracts" / "flight-features.yaml"
RIGHT: list[object] = [-2.0, 14.0, 163.0, 820.0, 5, 1, 1.1, -7.0, None, 62.0, 10.4, 10.0]
DISTANCE, CARRIER = NAMES.index("distance"), NAMES.index("carrier_c")


def contract() -> Contract:
    return contract_at(FILE)


def row(**changes: object) -> list[object]:
    return [changes.get(name, value) for name, value in zip(NAMES, RIGHT, strict=True)]


def body(*rows: list[object], nested: bool = False) -> bytes:
    data = list(rows) if nested else [value for one in rows for value in one]
    tensor = {"name": "features", "shape": [len(rows), 12], "datatype": "FP32", "data": data}
    return json.dumps({"id": "F1", "inputs": [tensor]}).encode()


def gated(mode: Mode) -> Gateway:
    return Gateway(settings=GatewaySettings(quality_mode=mode), contract=contract())


def violations(gateway: Gateway, feature: str, kind: str) -> float | None:
    return gateway.value("data_quality_violations_total", feature=feature, kind=kind)


def test_the_contract_names_the_features_as_the_code_has_them() -> None:
    found = [(rule.name, rule.unit, rule.low, rule.high) for rule in contract().features]
    assert found == [(item.name, item.unit, item.low, item.high) for item in FEATURES]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("schema: 1", "schema: 2", r"\$\.schema"),
        ("nullable: true}", "nullable: maybe}", "nullable"),
        ("name: visib", "name: visibility", "expected dep_delay, sched_hour"),
        ("low: 10, high: 5200", "low: 6000, high: 5200", "distance: low 6000 is above high 5200"),
        ("features:", "features: [", "not readable as YAML"),
        ("unit: mph,", "unit: mph, mean: 10,", "unknown field `mean`"),
    ],
)
def test_what_is_no_contract_is_refused_by_its_place(old: str, new: str, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        parse_contract(FILE.read_text().replace(old, new))


def test_a_broken_contract_leaves_the_one_that_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "contract.yaml"
    with pytest.raises(StartError, match=r"contract\.yaml"):
        contract_at(path)
    path.write_text(FILE.read_text())
    file = ContractFile(path, logging.getLogger("contract-test"))
    assert file.changed() == contract()
    assert file.changed() is None
    path.write_text("schema: 1")
    assert (file.changed(), file.changed(), file.valid) == (None, None, False)
    assert len(caplog.records) == 1
    path.write_text(FILE.read_text().replace("5200", "5300"))
    changed = file.changed()
    assert changed is not None
    assert changed.features[DISTANCE].high == 5300
    assert file.valid


def test_rows_are_read_flat_nested_and_binary() -> None:
    wanted = [row(), row(distance=100.0)]
    assert read_rows(body(*wanted)) == wanted
    assert read_rows(body(*wanted, nested=True)) == wanted
    head = json.dumps({"inputs": [{"name": "features", "parameters": {"binary_data_size": 48}}]}).encode()
    values = struct.pack("<12f", *[math.nan if value is None else value for value in row()])
    (binary,) = read_rows(head + values, str(len(head)))
    assert binary[DISTANCE] == 820
    assert binary[8] != binary[8]


@pytest.mark.parametrize(
    "junk", [b"", b"{", b"[]", b'{"inputs": []}', b'{"inputs": [{"name": "features"}]}', b"\xff", body([1.0, 2.0])]
)
def test_what_has_no_rows_is_left_to_the_model_server(junk: bytes) -> None:
    assert read_rows(junk) == []
    assert read_rows(junk, "99999") == []
    assert read_rows(junk, "many") == []


def test_rows_are_packed_for_the_log() -> None:
    (found,) = read_rows(body(row()))
    values = unpack(pack(found))
    assert values[DISTANCE] == 820
    assert math.isnan(values[8])
    assert pack([1e300, *[0.0] * 11]) == b""
    assert pack(["far", *[0.0] * 11]) == b""
    with pytest.raises(ValueError, match="48"):
        unpack(b"")


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ({"distance": 8020.5}, "range", "row 0: distance is 8020.5, outside 10 to 5200 mi"),
        ({"distance": None}, "null", "row 0: distance is missing and may not be"),
        ({"distance": "820"}, "type", "row 0: distance is '820', which is no number"),
        ({"carrier_c": 4.5}, "type", "row 0: carrier_c is 4.5, which is no whole number"),
        ({"distance": True}, "type", "row 0: distance is 'True', which is no number"),
    ],
)
async def test_block_answers_422_and_says_where(change: dict[str, object], kind: str, told: str) -> None:
    async with gateway_to(answering("1"), gateway=gated(Mode.BLOCK)) as gateway:
        answer = await gateway.ask(body=body(row(**change)))
        assert (answer.status, json.loads(answer.body)) == (422, {"error": told})
        assert violations(gateway, next(iter(change)), kind) == 1
        assert gateway.value("data_quality_violating_rows_total", origin="JFK") == 1
        assert (await gateway.ask(body=body(row()))).status == 200
        assert gateway.value("data_quality_checked_rows_total") == 2


async def test_flag_marks_the_answer_and_pass_only_counts() -> None:
    broken = body(row(distance=9000.0, dep_delay=None), row(distance=9001.0, origin_c=7.0))
    async with gateway_to(answering("1", [0.1, 0.2]), gateway=gated(Mode.FLAG)) as gateway:
        answer = json.loads((await gateway.ask(body=broken)).body)
        assert answer["parameters"]["flags"] == "dep_delay:null,distance:range,origin_c:range"
        assert answer["outputs"][0]["data"] == [0.1, 0.2]
        assert violations(gateway, "distance", "range") == 2
        assert gateway.value("data_quality_violating_rows_total", origin="other") == 1
        plain = json.loads((await gateway.ask(body=body(row()))).body)
        assert "parameters" not in plain
    async with gateway_to(answering("1", [0.1, 0.2]), gateway=gated(Mode.PASS)) as gateway:
        assert "parameters" not in json.loads((await gateway.ask(body=broken)).body)
        assert violations(gateway, "distance", "range") == 2


def test_flags_go_into_the_json_before_binary_values() -> None:
    head = b'{"parameters":{"sha256":"ab"}}'
    headers = (("inference-header-content-length", str(len(head))),)
    marked = _with_flags(Response(200, head + b"\x00\x01", headers=headers), "distance:range")
    length = int(dict(marked.headers)["inference-header-content-length"])
    assert json.loads(marked.body[:length]) == {"parameters": {"sha256": "ab", "flags": "distance:range"}}
    assert marked.body[length:] == b"\x00\x01"
    other = Response(200, b"no json")
    assert _with_flags(other, "x") is other


async def test_predictions_carry_the_features_they_were_made_from() -> None:
    async with gateway_to(answering("1", [0.1, 0.2]), gateway=Gateway()) as gateway:
        await gateway.ask(body=body(row(), row(distance=100.0)))
        await gateway.ask(body=b"{}")
        answer = await gateway.app.handle(Request("GET", "/predictions", {}, b"", 0.0))
    logged = json.loads(answer.body)["predictions"]
    packed = [msgspec.convert(one["features"], bytes) for one in logged]
    assert [unpack(one)[DISTANCE] for one in packed[:2]] == [820, 100]
    assert packed[2:] == [b"", b""], "an answer of another number of rows has no features"


def test_the_mode_is_one_of_three() -> None:
    assert settings_from({"QUALITY_MODE": "block"}).quality_mode is Mode.BLOCK
    with pytest.raises(StartError, match="expected pass, flag, block, found 'blok'; the nearest is block"):
        settings_from({"QUALITY_MODE": "blok"})


async def test_a_request_of_another_path_is_not_read() -> None:
    async with gateway_to(answering("1"), gateway=gated(Mode.BLOCK)) as gateway:
        path = INFER.replace("/infer", "")
        assert (await gateway.ask(path, body=body(row(distance=None)))).status == 200
        assert gateway.value("data_quality_checked_rows_total") == 0
