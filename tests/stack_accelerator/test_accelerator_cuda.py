"""The real device's calls and errors, on a stand-in; the contract suite runs on hardware where there is some."""

from __future__ import annotations

import pytest
from accelerator_torch import Torch

from stack.accelerator.cuda import EDGE, CudaDevice
from stack.accelerator.device import Kernel, Kind
from stack.accelerator.errors import DeviceLost, OutOfMemoryError

GIB = 1024**3


def test_memory_is_what_pytorch_says() -> None:
    device = CudaDevice(Torch(8 * GIB))
    assert (device.properties.kind, device.properties.memory_bytes) == (Kind.CUDA, 8 * GIB)
    buffer = device.alloc(3 * GIB)
    info = device.memory_info()
    assert (info.total, info.free, info.allocated, info.reserved) == (8 * GIB, 5 * GIB, 3 * GIB, 3 * GIB)
    device.free(buffer)
    assert (device.memory_info().allocated, device.memory_info().reserved) == (0, 3 * GIB)
    device.empty_cache()
    assert device.memory_info().reserved == 0
    with pytest.raises(ValueError, match="held"):
        device.free(buffer)


def test_its_out_of_memory_becomes_ours_with_the_figures() -> None:
    device = CudaDevice(Torch(8 * GIB))
    device.alloc(6 * GIB)
    with pytest.raises(OutOfMemoryError, match=r"tried to allocate 4\.00 GiB; the device has 8\.00 GiB, 2\.00 GiB"):
        device.alloc(4 * GIB)
    device.close()
    assert device.memory_info().reserved == 0


def test_kernels_are_products_of_matrices() -> None:
    torch = Torch(8 * GIB)
    device = CudaDevice(torch)
    assert device.run(Kernel(10 * 2 * EDGE**3)) >= 0
    assert torch.products == 10
    device.run(Kernel(1.0, launches=7))
    assert torch.products == 17


def test_a_broken_device_is_lost_in_one_line() -> None:
    torch = Torch(8 * GIB)
    device = CudaDevice(torch)
    torch.cuda.broken = "CUDA error: uncorrectable ECC error encountered"
    for call in (lambda: device.run(Kernel(1.0)), lambda: device.alloc(5)):
        with pytest.raises(DeviceLost) as caught:
            call()
        assert str(caught.value) == torch.cuda.broken


def test_a_device_too_full_for_the_work_says_so() -> None:
    device = CudaDevice(Torch(6 * 1024**2))
    with pytest.raises(OutOfMemoryError):
        device.run(Kernel(1.0))
