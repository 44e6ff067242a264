"""The emulated device as a program sees it: a connection to the driver, and an allocator in front of it."""

from __future__ import annotations

import json
import os
from http.client import HTTPConnection, HTTPException
from typing import Any

from stack.accelerator.caching import Block, CachingAllocator
from stack.accelerator.device import Buffer, Identity, Kernel, Kind, MemoryInfo, Properties
from stack.accelerator.driver_status import GONE, OUT_OF_MEMORY
from stack.accelerator.errors import AcceleratorError, DeviceLost, DeviceUnavailable, OutOfMemoryError, Shortage
from stack.wire.client import Address

OPEN_SECONDS = 5.0
"""How long the driver may take to answer at first."""


class EmulatedDevice:
    """
    A device behind a driver at an address.

    The connection is the process' context: when it closes, however that comes about, the driver takes everything back.
    """

    def __init__(self, connection: HTTPConnection, properties: Properties) -> None:
        self._connection = connection
        self._properties = properties
        self._allocator = CachingAllocator(self._segment, self._give)

    @classmethod
    def open(cls, driver: Address, who: Identity) -> EmulatedDevice:
        """
        A context on the device.

        Raises:
            DeviceUnavailable: no driver answers, or it gives no context.
            OutOfMemoryError: not even the context has room.
        """
        connection = HTTPConnection(driver.host, driver.port, timeout=OPEN_SECONDS)
        asked = {"pid": os.getpid(), "pod": who.pod, "namespace": who.namespace, "container": who.container}
        try:
            status, told = _call(connection, "open", asked)
        except (OSError, HTTPException, ValueError) as error:
            connection.close()
            raise DeviceUnavailable(f"no driver answers at {driver}: {error or type(error).__name__}") from error
        if status == 200:
            if connection.sock is not None:
                connection.sock.settimeout(None)
            return cls(connection, Properties(Kind.EMULATED, str(told["name"]), int(told["memory_bytes"])))
        connection.close()
        if status == OUT_OF_MEMORY:
            raise OutOfMemoryError(Shortage(told["tried"], told["total"], told["free"], 0, 0, 0))
        raise DeviceUnavailable(str(told.get("error", f"the driver answered {status}")))

    @property
    def properties(self) -> Properties:
        """What the device is."""
        return self._properties

    def alloc(self, size: int) -> Buffer:
        """`size` bytes; raises OutOfMemoryError when neither the cache nor the device has them."""
        if size < 1:
            raise ValueError(f"{size} bytes cannot be allocated")
        block = self._allocator.allocate(size)
        if block is None:
            memory = self._ask("memory", {})
            raise OutOfMemoryError(
                Shortage(
                    tried=size,
                    total=memory["total"],
                    free=memory["free"],
                    process=memory["process"],
                    allocated=self._allocator.allocated,
                    reserved=self._allocator.reserved,
                )
            )
        return Buffer(size, block)

    def free(self, buffer: Buffer) -> None:
        """Give a buffer back to the allocator."""
        if not isinstance(buffer.handle, Block):
            raise ValueError("the buffer is of another device")
        self._allocator.free(buffer.handle)

    def empty_cache(self) -> None:
        """Give unused segments back to the device."""
        self._allocator.empty()

    def memory_info(self) -> MemoryInfo:
        """How memory stands."""
        memory = self._ask("memory", {})
        return MemoryInfo(memory["total"], memory["free"], self._allocator.allocated, self._allocator.reserved)

    def run(self, kernel: Kernel) -> float:
        """Run a kernel; the thread sleeps until the driver says that it is done."""
        return float(self._ask("launch", {"flops": kernel.flops, "launches": kernel.launches})["seconds"])

    def close(self) -> None:
        """End the context."""
        self._connection.close()

    def _segment(self, size: int) -> int | None:
        status, told = self._exchange("allocate", {"bytes": size})
        return None if status == OUT_OF_MEMORY else int(_found(status, told)["address"])

    def _give(self, address: int) -> None:
        self._ask("free", {"address": address})

    def _ask(self, what: str, body: dict[str, float | int]) -> dict[str, Any]:
        return _found(*self._exchange(what, body))

    def _exchange(self, what: str, body: dict[str, float | int]) -> tuple[int, dict[str, Any]]:
        if self._connection.sock is None:
            raise DeviceLost("the context was closed")
        try:
            return _call(self._connection, what, body)
        except (OSError, HTTPException, ValueError) as error:
            self._connection.close()
            raise DeviceLost(f"the driver is gone: {error or type(error).__name__}") from error


def _call(connection: HTTPConnection, what: str, body: object) -> tuple[int, dict[str, Any]]:
    connection.request("POST", f"/v1/{what}", json.dumps(body), {"content-type": "application/json"})
    with connection.getresponse() as response:
        document = json.loads(response.read())
        if not isinstance(document, dict):
            raise ValueError("not an answer of a driver")
        return response.status, document


def _found(status: int, told: dict[str, Any]) -> dict[str, Any]:
    if status == 200:
        return told
    if status == GONE:
        raise DeviceLost(f"the context on the device is lost (Xid {told.get('xid', 'unknown')})")
    raise AcceleratorError(str(told.get("error", f"the driver answered {status}")))
