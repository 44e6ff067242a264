"""A driver on this machine for the tests: in a thread of the test, so that they see its board."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from stack.accelerator.board import Board
from stack.accelerator.device import Identity
from stack.accelerator.driver import Driver
from stack.accelerator.emulated import EmulatedDevice
from stack.accelerator.exposition import exposition
from stack.accelerator.spec import DeviceSpec
from stack.common.listening import listen
from stack.wire.client import Address

MIB = 1024 * 1024
GIB = 1024 * MIB
_PAUSE = threading.Event()


def until(what: str, condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first true value of `condition`; fails the test after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        _PAUSE.wait(0.02)
    return value


class DriverBox:
    """One driver with its board."""

    def __init__(self, spec: DeviceSpec) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        listener = listen("127.0.0.1", 0)
        self.address = Address("127.0.0.1", listener.getsockname()[1])
        self.spec = spec
        self.board = Board(spec, self.loop.time())
        self.driver = Driver(self.board, self.metrics, logging.getLogger("accelerator-test"))
        self.call(self.driver.start(listener))
        self._sampling = asyncio.run_coroutine_threadsafe(self.driver.sample(), self.loop)

    def metrics(self) -> bytes:
        return exposition(self.spec, "a-node", self.board.reading(), self.board.usages())

    def call(self, work: Any) -> Any:
        """Run a coroutine on the driver's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=10)

    def open(self, pod: str = "") -> EmulatedDevice:
        return EmulatedDevice.open(self.address, Identity(pod, "lab", "main" if pod else ""))

    def close(self) -> None:
        self._sampling.cancel()
        self.call(self.driver.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
