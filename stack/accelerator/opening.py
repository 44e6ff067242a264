"""Which device a program gets: what it asked for, and what is there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import assert_never

from stack.accelerator.cuda import CudaDevice
from stack.accelerator.device import Device, identity_from
from stack.accelerator.emulated import EmulatedDevice
from stack.accelerator.errors import AcceleratorError, DeviceUnavailable
from stack.accelerator.host import HostDevice
from stack.wire.client import Address


class Choice(StrEnum):
    """What `--device` takes."""

    AUTO = "auto"
    CUDA = "cuda"
    CPU = "cpu"


def open_device(
    choice: Choice,
    driver: Address | None,
    environ: Mapping[str, str],
    log: logging.Logger,
    real: Callable[[], Device] = CudaDevice.open,
) -> Device:
    """
    The device for `choice`: `cuda` is the real one, else the emulated one behind `driver`, else an error; `auto` falls
    back to the processor with one line in the log, as frameworks do; `cpu` is the processor.

    Raises:
        DeviceUnavailable, OutOfMemoryError: the choice is `cuda` and there is no device, or no room on it.
    """
    match choice:
        case Choice.CPU:
            return HostDevice()
        case Choice.CUDA:
            return _accelerator(driver, environ, real)
        case Choice.AUTO:
            try:
                return _accelerator(driver, environ, real)
            except AcceleratorError as error:
                log.warning("no accelerator: %s; the provider is cpu", error)
                return HostDevice()
        case _:
            assert_never(choice)


def _accelerator(driver: Address | None, environ: Mapping[str, str], real: Callable[[], Device]) -> Device:
    try:
        return real()
    except DeviceUnavailable:
        if driver is None:
            raise
    return EmulatedDevice.open(driver, identity_from(environ))
