"""What every device does, the emulated one and the real one alike."""

from __future__ import annotations

import pytest

from stack.accelerator.device import Buffer, Device, Kernel, Kind
from stack.accelerator.errors import OutOfMemoryError

MIB = 1024 * 1024


def test_it_says_what_it_is(device: Device) -> None:
    assert device.properties.kind in {Kind.CUDA, Kind.EMULATED}
    assert device.properties.name
    memory = device.memory_info()
    assert memory.total >= device.properties.memory_bytes * 0.9
    assert 0 < memory.free <= memory.total
    assert memory.allocated <= memory.reserved


def test_memory_is_reserved_kept_and_given_back(device: Device) -> None:
    before = device.memory_info()
    buffer = device.alloc(300 * MIB)
    held = device.memory_info()
    assert held.allocated - before.allocated == 300 * MIB
    assert held.reserved - before.reserved >= 300 * MIB
    assert before.free - held.free >= 300 * MIB
    device.free(buffer)
    kept = device.memory_info()
    assert kept.allocated == before.allocated
    assert kept.reserved == held.reserved
    again = device.alloc(300 * MIB)
    assert device.memory_info().reserved == held.reserved
    device.free(again)
    device.empty_cache()
    assert device.memory_info().reserved == before.reserved
    assert device.memory_info().free >= before.free - 2 * MIB


def test_small_requests_share_a_segment(device: Device) -> None:
    before = device.memory_info()
    buffers = [device.alloc(100_000) for _ in range(10)]
    after = device.memory_info()
    assert after.reserved - before.reserved == 2 * MIB
    assert after.allocated - before.allocated == 10 * (-(-100_000 // 512) * 512)
    for buffer in buffers:
        device.free(buffer)


def test_too_much_is_refused_with_the_figures_and_leaves_what_is_held(device: Device) -> None:
    held = device.alloc(64 * MIB)
    memory = device.memory_info()
    with pytest.raises(OutOfMemoryError, match="out of device memory") as caught:
        device.alloc(memory.total)
    shortage = caught.value.shortage
    assert shortage.tried == memory.total == shortage.total
    assert shortage.free < memory.total
    assert shortage.process >= shortage.reserved >= shortage.allocated >= 64 * MIB
    assert "reserved but unallocated" in str(caught.value)
    assert device.run(Kernel(1e6)) > 0
    device.free(held)


def test_an_idle_cache_is_given_back_before_a_request_fails(device: Device) -> None:
    half = device.memory_info().free // 2
    device.free(device.alloc(half))
    larger = device.alloc(half + half // 2)
    device.free(larger)


def test_a_buffer_is_freed_once(device: Device) -> None:
    buffer = device.alloc(MIB)
    device.free(buffer)
    with pytest.raises(ValueError, match="held"):
        device.free(buffer)
    with pytest.raises(ValueError, match="buffer"):
        device.free(Buffer(1, None))
    with pytest.raises(ValueError, match="allocated"):
        device.alloc(0)


def test_more_work_takes_longer(device: Device) -> None:
    device.run(Kernel(1e9))
    little = min(device.run(Kernel(1e9)) for _ in range(3))
    much = device.run(Kernel(4e12))
    assert much > 3 * little or much > 0.2
