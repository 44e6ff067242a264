"""A model on a device: batches of rows take memory and time there, and get the true answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from stack.accelerator.device import Buffer, Device, Kernel
from stack.accelerator.workload import Workload


class BatchExecutor:
    """
    Scores rows on a device, at most `max_batch` of them at once; `score` is what computes the answers, on the host.

    Calls that wait run on one thread, so that kernels of a process follow each other as on one stream.
    """

    def __init__(
        self,
        device: Device,
        score: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        workload: Workload,
        max_batch: int,
    ) -> None:
        if max_batch < 1:
            raise ValueError(f"a batch has at least one row, not {max_batch}")
        self.device = device
        self._score = score
        self._workload = workload
        self._max_batch = max_batch
        self._weights: Buffer | None = None
        self._retained: list[Buffer] = []
        self._stream = ThreadPoolExecutor(1, thread_name_prefix="device")

    def load(self) -> None:
        """Put the weights on the device; raises OutOfMemoryError, DeviceLost."""
        if self._weights is None:
            self._weights = self.device.alloc(self._workload.weights_bytes)

    def run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """
        Probabilities `[n]` for rows `[n, features]`.

        Raises:
            OutOfMemoryError: a batch of that many rows has no room. DeviceLost: the device is gone.
        """
        self.load()
        parts = [self._batch(rows[start : start + self._max_batch]) for start in range(0, len(rows), self._max_batch)]
        return np.concatenate(parts) if len(parts) != 1 else parts[0]

    async def answer(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """`run` without holding up the event loop; calls wait for each other."""
        return await asyncio.get_running_loop().run_in_executor(self._stream, self.run, rows)

    def close(self) -> None:
        """Finish what runs, and let go of the device."""
        self._stream.shutdown()
        self.device.close()

    def _batch(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        cost = self._workload
        activations = self.device.alloc(cost.activation_bytes * len(rows))
        try:
            self.device.run(Kernel(cost.flops_per_row * len(rows), cost.launches))
            if cost.retained_bytes:
                self._retained.append(self.device.alloc(cost.retained_bytes))
        finally:
            self.device.free(activations)
        return self._score(rows)
