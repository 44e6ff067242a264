"""The device itself on a clock of the test: engine, heat, registers, sensors."""

from __future__ import annotations

import pytest
from accelerator_rig import GIB, MIB

from stack.accelerator.board import Board, Process
from stack.accelerator.heat import Throttle
from stack.accelerator.registers import Registers, changed
from stack.accelerator.slices import TimeSlices
from stack.accelerator.spec import DeviceSpec, spec_from
from stack.common.errors import StartError

SPEC = DeviceSpec()


def test_one_process_alone_has_the_whole_engine() -> None:
    engine = TimeSlices(100.0)
    assert engine.launch(1, 0.5, 101.0) == []
    assert engine.next_end() == pytest.approx(101.5)
    assert engine.advance(101.4) == []
    assert engine.advance(101.6) == [1]
    assert engine.busy_seconds == pytest.approx(0.5)
    assert engine.next_end() is None


def test_two_busy_processes_each_take_twice_as_long() -> None:
    engine = TimeSlices(0.0)
    engine.launch(1, 1.0, 0.0)
    engine.launch(2, 0.3, 0.2)
    assert engine.next_end() == pytest.approx(0.2 + 2 * 0.3)
    assert engine.advance(0.8) == [2]
    assert engine.next_end() == pytest.approx(1.3), "alone again, it takes what is left of its second"
    assert engine.advance(2.0) == [1]
    assert (engine.engine_seconds(1), engine.engine_seconds(2)) == (pytest.approx(1.0), pytest.approx(0.3))
    assert engine.busy_seconds == pytest.approx(1.3)


def test_a_slower_clock_and_a_process_that_leaves_change_the_ends() -> None:
    engine = TimeSlices(0.0)
    engine.launch(1, 1.0, 0.0)
    engine.launch(2, 5.0, 0.0)
    assert engine.set_speed(0.5, 1.0) == []
    assert engine.next_end() == pytest.approx(1.0 + 0.5 * 2 / 0.5)
    assert engine.drop(2, 1.0) == []
    assert engine.next_end() == pytest.approx(2.0)
    with pytest.raises(ValueError, match="already"):
        engine.launch(1, 1.0, 1.0)


def busy_for(board: Board, seconds: int) -> None:
    """Keep the engine busy, with samples four times a second."""
    session = board.open(Process(1))
    assert session is not None
    start = 1000.0
    board.launch(session, SPEC.flops * 10_000, 1, start)
    for quarter in range(seconds * 4):
        board.sample(start + quarter / 4)


def test_full_load_is_warm_but_not_too_warm_and_a_lame_fan_slows_the_clock() -> None:
    board = Board(SPEC, 1000.0)
    busy_for(board, 120)
    warm = board.reading()
    assert 70 < warm.celsius < SPEC.slowdown
    assert warm.sm_clock == SPEC.sm_clock
    assert (warm.reasons, warm.busy) == (Throttle.NONE, pytest.approx(1.0))
    assert warm.watts == pytest.approx(SPEC.full_watts)

    board = Board(SPEC, 1000.0)
    board.write(Registers(r1=0.4), 1000.0)
    busy_for(board, 120)
    hot = board.reading()
    assert SPEC.slowdown < hot.celsius < 100
    assert 0.3 < hot.sm_clock / SPEC.sm_clock < 0.8
    assert hot.reasons == Throttle.THERMAL_SOFTWARE
    assert hot.millijoules > 0


def test_an_idle_device_lowers_its_clock() -> None:
    board = Board(SPEC, 0.0)
    board.sample(1.0)
    reading = board.reading()
    assert (reading.busy, reading.sm_clock, reading.reasons) == (0.0, SPEC.idle_clock, Throttle.IDLE)


def test_utilisation_is_that_of_the_last_second() -> None:
    board = Board(SPEC, 0.0)
    session = board.open(Process(1))
    assert session is not None
    board.launch(session, 0.5 * SPEC.flops, 1, 0.0)
    for quarter in range(1, 5):
        board.sample(quarter / 4)
    assert board.reading().busy == pytest.approx(0.5, abs=0.01)
    for quarter in range(5, 9):
        board.sample(quarter / 4)
    assert board.reading().busy == 0.0


def test_a_context_takes_memory_and_no_memory_means_no_context() -> None:
    board = Board(SPEC, 0.0)
    first = board.open(Process(1))
    assert first is not None
    assert board.memory(first)[2] == SPEC.context_bytes
    assert board.allocate(first, board.memory(first)[1]) is not None
    assert board.open(Process(2)) is None
    board.close(first, 1.0)
    assert board.reading().used_mib == 0
    assert board.open(Process(3)) is not None


def test_a_double_bit_error_ends_every_context_and_the_device_goes_on() -> None:
    board = Board(SPEC, 0.0)
    session = board.open(Process(1))
    assert session is not None
    board.launch(session, 1e15, 1, 0.0)
    assert session in board.write(Registers(r3=1), 0.1)
    assert board.broken(session) == 48
    assert (board.reading().xid, board.reading().double_bit, board.reading().used_mib) == (48, 1, 0)
    assert board.refusal() == ""


def test_off_the_bus_nothing_is_left() -> None:
    board = Board(SPEC, 0.0)
    session = board.open(Process(1))
    assert session is not None
    board.write(Registers(r4=79), 0.1)
    assert board.broken(session) == 79
    assert board.refusal()
    assert board.reading().lost
    board.write(Registers(), 0.2)
    assert board.refusal() == ""


def test_the_hardware_can_lose_memory_and_correct_bits() -> None:
    board = Board(SPEC, 0.0)
    board.write(Registers(r2=3.0, r6=4 * GIB), 0.0)
    board.sample(2.0)
    reading = board.reading()
    assert (reading.used_mib, reading.single_bit) == (4096, 6)
    board.write(Registers(r6=64 * GIB), 2.0)
    assert board.reading().free_mib == 0
    board.write(Registers(), 3.0)
    assert board.reading().free_mib == SPEC.usable_bytes / MIB


@pytest.mark.parametrize("values", [{"r9": 1}, {"r1": 0}, {"r1": "high"}, {"r5": 0.5}, {"r3": True}, []])
def test_registers_take_what_they_take(values: object) -> None:
    with pytest.raises(ValueError, match=r"register|expected"):
        changed(Registers(), values)
    assert changed(Registers(r3=2), {"r1": 0.5, "r5": 1}) == Registers(r1=0.5, r3=2, r5=1)


def test_the_environment_sizes_the_device() -> None:
    spec = spec_from({"MEMORY_GIB": "80", "TFLOPS": "20"})
    assert (spec.memory_bytes, spec.flops, spec.name) == (80 * GIB, 20e12, "Lab Accelerator 80GB")
    assert spec_from({}) == SPEC
    with pytest.raises(StartError, match="MEMORY_GIB"):
        spec_from({"MEMORY_GIB": "none"})
