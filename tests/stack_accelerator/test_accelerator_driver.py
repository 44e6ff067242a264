"""One device for several processes: what they take from each other, and what is left when one is gone."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from accelerator_rig import GIB, MIB, DriverBox, until
from prometheus_client.parser import text_string_to_metric_families

from stack.accelerator.device import Kernel
from stack.accelerator.errors import AcceleratorError, DeviceLost, DeviceUnavailable, OutOfMemoryError
from stack.accelerator.exposition import FIELDS

ROOT = Path(__file__).resolve().parents[2]


def ask(box: DriverBox, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    connection = HTTPConnection(box.address.host, box.address.port, timeout=5)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def samples(box: DriverBox, name: str) -> list[tuple[dict[str, str], float]]:
    text = ask(box, "GET", "/metrics")[1].decode()
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]


def test_what_a_neighbour_holds_we_cannot_have(driver_box: DriverBox) -> None:
    ours, theirs = driver_box.open("serving-1"), driver_box.open("scoring-1")
    held = theirs.alloc(12 * GIB)
    with pytest.raises(OutOfMemoryError) as caught:
        ours.alloc(4 * GIB)
    assert caught.value.shortage.allocated == 0
    assert caught.value.shortage.free < 4 * GIB
    theirs.free(held)
    with pytest.raises(OutOfMemoryError):
        ours.alloc(4 * GIB)
    theirs.empty_cache()
    assert ours.alloc(4 * GIB).size == 4 * GIB
    ours.close()
    theirs.close()


def test_memory_in_pieces_is_refused_though_enough_is_free(driver_box: DriverBox) -> None:
    device = driver_box.open()
    buffers = [device.alloc(GIB) for _ in range(15)]
    for buffer in buffers[::2]:
        device.free(buffer)
    device.empty_cache()
    assert device.memory_info().free > 8 * GIB
    with pytest.raises(OutOfMemoryError) as caught:
        device.alloc(2 * GIB)
    assert caught.value.shortage.free > 8 * GIB
    device.close()


def test_a_connection_that_closes_gives_everything_back_even_under_a_kernel(driver_box: DriverBox) -> None:
    device = driver_box.open("gone-1")
    device.alloc(5 * GIB)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(device.run, Kernel(1e18))
        until("the kernel runs", lambda: driver_box.board.next_end() is not None)
        connection = device._connection
        assert connection.sock is not None
        connection.sock.shutdown(2)
        with pytest.raises(DeviceLost):
            running.result(timeout=10)
    until("its memory is free", lambda: driver_box.board.reading().used_mib == 0, seconds=5)
    assert driver_box.board.usages() == []
    assert driver_box.board.next_end() is None
    device.close()


def test_a_busy_neighbour_doubles_the_time(driver_box: DriverBox) -> None:
    ours, theirs = driver_box.open("serving-1"), driver_box.open("scoring-1")
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(theirs.run, Kernel(driver_box.spec.flops * 2.0))
        until("the neighbour is busy", lambda: driver_box.board.next_end() is not None)
        assert ours.run(Kernel(driver_box.spec.flops * 0.2)) >= 0.39
        assert load.result(timeout=30) >= 2.19
    engine = {labels["pod"]: value for labels, value in samples(driver_box, "accelerator_process_engine_seconds_total")}
    assert engine["serving-1"] == pytest.approx(0.2, abs=0.02)
    assert engine["scoring-1"] == pytest.approx(2.0, abs=0.02)
    ours.close()
    theirs.close()


def test_metrics_have_the_exporters_names_and_labels(driver_box: DriverBox) -> None:
    names = {"gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname", "DCGM_FI_DRIVER_VERSION"}
    ((labels, used),) = samples(driver_box, "DCGM_FI_DEV_FB_USED")
    assert (set(labels), used) == (names, 0)
    first, second = driver_box.open("serving-1"), driver_box.open("scoring-1")
    first.alloc(GIB)
    text = ask(driver_box, "GET", "/metrics")[1].decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    for field in FIELDS:
        rows = found[field.name].samples
        assert found[field.name].type == field.type
        assert {row.labels["pod"] for row in rows} == {"serving-1", "scoring-1"}
        assert set(rows[0].labels) == names | {"pod", "namespace", "container", "vgpu"}
        assert len({row.value for row in rows}) == 1, "the device has one figure, whoever is on it"
    context = driver_box.spec.context_bytes // MIB
    assert {value for _, value in samples(driver_box, "DCGM_FI_DEV_FB_USED")} == {1024 + 2 * context}
    memory = {labels["pod"]: value / MIB for labels, value in samples(driver_box, "accelerator_process_memory_bytes")}
    assert memory == {"serving-1": 1024 + context, "scoring-1": context}
    first.close()
    second.close()


def test_telemetry_declares_what_the_device_exports(driver_box: DriverBox) -> None:
    telemetry = yaml.safe_load((ROOT / "stack" / "platform" / "telemetry" / "accelerator.yaml").read_text())
    own = [item for item in telemetry["metrics"] if "accelerator" in item["exported_by"]]
    declared = {item["name"]: (item["type"], set(item["labels"])) for item in own if len(item["exported_by"]) == 1}
    device = driver_box.open("serving-1")
    exported = {}
    for family in text_string_to_metric_families(ask(driver_box, "GET", "/metrics")[1].decode()):
        name = family.name if family.name.startswith("DCGM_") else family.samples[0].name
        exported[name] = (family.type, set(family.samples[0].labels))
    assert exported == declared
    device.close()


def test_xid_events_reach_the_programs_and_the_metrics(driver_box: DriverBox) -> None:
    device = driver_box.open("serving-1")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(device.run, Kernel(1e18))
        until("the kernel runs", lambda: driver_box.board.next_end() is not None)
        assert ask(driver_box, "PATCH", "/v1/registers", {"r4": 79})[0] == 200
        with pytest.raises(DeviceLost, match="Xid 79"):
            running.result(timeout=10)
    with pytest.raises(DeviceLost):
        device.alloc(MIB)
    with pytest.raises(DeviceUnavailable, match="no device"):
        driver_box.open()
    assert [value for _, value in samples(driver_box, "DCGM_FI_DEV_XID_ERRORS")] == [79]
    assert samples(driver_box, "DCGM_FI_DEV_FB_USED") == []
    assert ask(driver_box, "PUT", "/v1/registers", {})[0] == 200
    driver_box.open().close()
    device.close()


def test_registers_can_be_written_and_not_read(driver_box: DriverBox) -> None:
    status, told = ask(driver_box, "PATCH", "/v1/registers", {"cooling": 0.5})
    assert status == 422
    assert b"r1, r2" in told
    assert ask(driver_box, "PATCH", "/v1/registers", {"r5": 1})[0] == 200
    assert ask(driver_box, "GET", "/v1/registers")[0] == 404
    with pytest.raises(DeviceUnavailable):
        driver_box.open()
    assert ask(driver_box, "PUT", "/v1/registers", {"r1": 0.5})[0] == 200
    driver_box.open().close()


def test_calls_out_of_order_or_malformed_are_refused(driver_box: DriverBox) -> None:
    assert ask(driver_box, "POST", "/v1/allocate", {"bytes": 5})[0] == 409
    assert ask(driver_box, "POST", "/v1/open", {})[0] == 400
    assert ask(driver_box, "POST", "/v1/nothing", {})[0] == 404
    assert ask(driver_box, "GET", "/livez")[0] == 200
    assert ask(driver_box, "GET", "/healthz")[0] == 503
    device = driver_box.open()
    for what, body in (("allocate", {"bytes": -1}), ("launch", {"flops": "many"}), ("free", {"address": 12345})):
        with pytest.raises(AcceleratorError):
            device._ask(what, body)  # type: ignore[arg-type]
    assert device.run(Kernel(1e6)) > 0
    device.close()


def test_many_processes_at_once(driver_box: DriverBox) -> None:
    failures: list[Any] = []

    def use() -> None:
        try:
            device = driver_box.open()
            for _ in range(20):
                device.free(device.alloc(30 * MIB))
                device.run(Kernel(1e8))
            device.close()
        except AcceleratorError as error:
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    until("everything is free", lambda: driver_box.board.reading().used_mib == 0)


def test_without_a_driver_there_is_no_device(driver_box: DriverBox) -> None:
    device = driver_box.open()
    driver_box.call(driver_box.driver.close())
    with pytest.raises(DeviceLost, match="driver is gone"):
        device.alloc(GIB)
    with pytest.raises(DeviceLost, match="closed"):
        device.run(Kernel(1.0))
    with pytest.raises(DeviceUnavailable, match="no driver answers"):
        driver_box.open()
