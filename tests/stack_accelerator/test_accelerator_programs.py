"""What runs on the device: the choice of it, a model in batches, other teams' jobs, and the driver as a process."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from accelerator_rig import GIB, MIB, DriverBox, until
from numpy.typing import NDArray

from stack.accelerator.batched import BatchExecutor
from stack.accelerator.device import Device, Identity, Kernel, Kind
from stack.accelerator.emulated import EmulatedDevice
from stack.accelerator.errors import DeviceUnavailable, OutOfMemoryError
from stack.accelerator.host import FLOPS, HostDevice
from stack.accelerator.jobs import batch_scoring, fine_tuning
from stack.accelerator.opening import Choice, open_device
from stack.accelerator.workload import Workload
from stack.wire.client import Address

ROOT = Path(__file__).resolve().parents[2]
LIGHT = Workload(weights_bytes=GIB, activation_bytes=512 * MIB, launches=1, flops_per_row=1e6)


def none_real() -> Device:
    raise DeviceUnavailable("PyTorch is not installed")


def test_auto_takes_the_device_and_says_nothing(driver_box: DriverBox, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("accelerator-choice")
    device = open_device(Choice.AUTO, driver_box.address, {"POD_NAME": "serving-1"}, log, none_real)
    assert device.properties.kind is Kind.EMULATED
    assert [usage.process.pod for usage in driver_box.board.usages()] == ["serving-1"]
    assert caplog.records == []
    device.close()


def test_auto_falls_back_to_the_processor_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("accelerator-choice")
    nobody = Address("127.0.0.1", 1)
    device = open_device(Choice.AUTO, nobody, {}, log, none_real)
    assert device.properties.kind is Kind.CPU
    assert len(caplog.messages) == 1
    assert "the provider is cpu" in caplog.messages[0]
    with pytest.raises(DeviceUnavailable, match="no driver answers"):
        open_device(Choice.CUDA, nobody, {}, log, none_real)
    with pytest.raises(DeviceUnavailable, match="not installed"):
        open_device(Choice.CUDA, None, {}, log, none_real)
    assert open_device(Choice.CPU, None, {}, log, none_real).properties.kind is Kind.CPU


def test_the_processor_takes_its_time() -> None:
    waited: list[float] = []
    host = HostDevice(waited.append)
    host.run(Kernel(FLOPS * 3))
    assert waited == [3.0]
    buffer = host.alloc(64)
    assert host.memory_info().allocated == 64
    host.free(buffer)
    with pytest.raises(ValueError, match="held"):
        host.free(buffer)


def doubled(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows[:, 0] * 2


def test_a_batch_gets_the_true_answers_and_gives_its_memory_back(driver_box: DriverBox) -> None:
    executor = BatchExecutor(driver_box.open(), doubled, LIGHT, max_batch=8)
    rows = np.arange(20, dtype=np.float32).reshape(20, 1)
    assert executor.run(rows).tolist() == (rows[:, 0] * 2).tolist()
    assert executor.device.memory_info().allocated == GIB
    assert executor.device.memory_info().reserved == GIB + 8 * 512 * MIB
    executor.close()


async def test_a_batch_that_is_too_large_is_refused_by_the_allocator(driver_box: DriverBox) -> None:
    executor = BatchExecutor(driver_box.open(), doubled, LIGHT, max_batch=64)
    assert (await executor.answer(np.ones((4, 1), dtype=np.float32))).tolist() == [2.0] * 4
    with pytest.raises(OutOfMemoryError, match=r"tried to allocate 20\.00 GiB"):
        await executor.answer(np.ones((40, 1), dtype=np.float32))
    assert (await executor.answer(np.ones((1, 1), dtype=np.float32))).tolist() == [2.0]
    executor.close()


def test_what_batches_retain_adds_up_until_nothing_is_left(driver_box: DriverBox) -> None:
    leaky = Workload(GIB, 64 * MIB, 1, 1e6, retained_bytes=4 * GIB)
    executor = BatchExecutor(driver_box.open(), doubled, leaky, max_batch=8)
    row = np.ones((1, 1), dtype=np.float32)
    for _ in range(3):
        executor.run(row)
    with pytest.raises(OutOfMemoryError, match=r"the program holds 13\.\d+ GiB"):
        executor.run(row)
    executor.close()


def job_arguments(box: DriverBox, *more: str) -> list[str]:
    return ["--device=cuda", f"--accelerator=http://{box.address}", *more]


def test_batch_scoring_ends_well(driver_box: DriverBox, capfd: pytest.CaptureFixture[str]) -> None:
    argv = job_arguments(driver_box, "--batch=4", "--rows=10", "--pause=0.001")
    assert batch_scoring.main(argv, {"POD_NAME": "scoring-1"}, threading.Event()) == 0
    assert "scored 3 batches" in capfd.readouterr().out


def test_batch_scoring_without_room_fails_with_the_allocators_words(
    driver_box: DriverBox, capfd: pytest.CaptureFixture[str]
) -> None:
    neighbour = driver_box.open()
    neighbour.alloc(12 * GIB)
    assert batch_scoring.main(job_arguments(driver_box), {}, threading.Event()) == 1
    assert "OutOfMemoryError: out of device memory: tried to allocate 3.00 GiB" in capfd.readouterr().out
    neighbour.close()


def test_a_stopped_job_ends_early(driver_box: DriverBox, capfd: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()
    stop.set()
    assert batch_scoring.main(job_arguments(driver_box), {}, stop) == 0
    assert fine_tuning.main(job_arguments(driver_box), {}, stop) == 0
    assert capfd.readouterr().out.count("stopped early") == 2


def test_fine_tuning_takes_more_memory_for_longer_sequences(
    driver_box: DriverBox, capfd: pytest.CaptureFixture[str]
) -> None:
    short = job_arguments(driver_box, "--steps=1", "--sequence-length=128", "--batch-size=4")
    assert fine_tuning.main(short, {}, threading.Event()) == 0
    long = job_arguments(driver_box, "--steps=1", "--sequence-length=2048", "--batch-size=8")
    assert fine_tuning.main(long, {}, threading.Event()) == 1
    output = capfd.readouterr().out
    assert "step 1: " in output
    assert "tried to allocate" in output
    network = fine_tuning.Transformer(layers=12, hidden=768, heads=12)
    assert network.parameters == 84_934_656
    assert network.activation_bytes(1024, 8) > 2 * network.activation_bytes(512, 8)


@pytest.fixture
def driver_process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Address]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environ = {**os.environ, "MEMORY_GIB": "8", "PYTHONWARNINGS": "error"}
    process = subprocess.Popen(
        [sys.executable, "-m", "stack.accelerator", f"--port={port}"], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL
    )
    yield process, Address("127.0.0.1", port)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


HOLDER = """
import sys, threading
from stack.accelerator.device import Identity
from stack.accelerator.emulated import EmulatedDevice
from stack.wire.client import Address
device = EmulatedDevice.open(Address.parse(sys.argv[1]), Identity("holder-1"))
device.alloc(4 * 1024**3)
print("holds", flush=True)
threading.Event().wait()
"""


def test_a_killed_process_leaves_nothing_on_the_device(
    driver_process: tuple[subprocess.Popen[bytes], Address],
) -> None:
    _, address = driver_process

    def opened() -> EmulatedDevice | None:
        try:
            return EmulatedDevice.open(address, Identity())
        except DeviceUnavailable:
            return None

    device: EmulatedDevice = until("the driver is there", opened)
    before = device.memory_info().free
    assert device.memory_info().total == 8 * GIB
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(address)], cwd=ROOT, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"holds\n"
        assert before - device.memory_info().free > 4 * GIB
        holder.kill()
    until("its memory is free", lambda: device.memory_info().free == before, seconds=5)
    device.close()
