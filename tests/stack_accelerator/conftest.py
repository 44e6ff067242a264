"""Fixtures of the accelerator's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from accelerator_rig import DriverBox

from stack.accelerator.cuda import CudaDevice
from stack.accelerator.device import Device
from stack.accelerator.errors import DeviceUnavailable
from stack.accelerator.spec import DeviceSpec


@pytest.fixture
def driver_box() -> Iterator[DriverBox]:
    box = DriverBox(DeviceSpec())
    yield box
    box.close()


@pytest.fixture(params=["emulated", "cuda"])
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    """Each implementation of a device in turn; the real one where there is one."""
    if request.param == "cuda":
        try:
            opened: Device = CudaDevice.open()
        except DeviceUnavailable as error:
            pytest.skip(f"no CUDA device here: {error}")
        yield opened
        opened.close()
    else:
        box: DriverBox = request.getfixturevalue("driver_box")
        opened = box.open()
        yield opened
        opened.close()
