"""What models cost on a device."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Workload:
    """
    What a model costs on a device, as a network of its size would.

    Batches of `n` rows hold `activation_bytes * n` while they run, and take `launches` kernel launches and
    `flops_per_row * n` operations.
    """

    weights_bytes: int = 2048 * MIB
    activation_bytes: int = 48 * MIB
    """For each row of a batch."""
    launches: int = 40
    flops_per_row: float = 2.0e9
    retained_bytes: int = 0
    """For each batch: what stays held for good after it."""
