"""State of the hardware that only its owner can set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Registers:
    """
    The hardware's condition as numbered registers; what is not set is in order.

    The names say nothing on purpose: whoever listens on the wire reads `r1`, not what is wrong.
    """

    r1: float = 1.0
    """Share of the cooling that works, 0.05 to 1."""
    r2: float = 0.0
    """Single-bit memory errors a second, each of them corrected."""
    r3: int = 0
    """Double-bit memory errors so far; each new one is Xid 48 and ends every context on the device."""
    r4: int = 0
    """The Xid event that was reported last; 79 takes the device off the bus."""
    r5: int = 0
    """1: no further process gets a context."""
    r6: int = 0
    """Bytes of memory that no process holds and nobody can allocate."""


LIMITS: Mapping[str, tuple[float, float]] = {
    "r1": (0.05, 1.0),
    "r2": (0.0, 1e6),
    "r3": (0, 1e6),
    "r4": (0, 1000),
    "r5": (0, 1),
    "r6": (0, 1e15),
}

OFF_THE_BUS = 79
"""Xid: the GPU has fallen off the bus (NVIDIA's Xid catalogue)."""
DOUBLE_BIT = 48
"""Xid: a double-bit ECC error."""


def changed(registers: Registers, values: object) -> Registers:
    """
    The registers with `values`, a mapping of names to numbers, written into them.

    Raises:
        ValueError: a name or value that is not accepted; says what is.
    """
    if not isinstance(values, dict):
        raise ValueError("expected a mapping of registers to numbers")
    kinds = {field.name: type(getattr(registers, field.name)) for field in fields(registers)}
    written: dict[str, float | int] = {}
    for name, value in values.items():
        if name not in kinds:
            raise ValueError(f"no register {name!r}; there are {', '.join(sorted(kinds))}")
        low, high = LIMITS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high or (kinds[name] is int and value != int(value)):
            raise ValueError(f"{name}: expected a number from {low:g} to {high:g}")
        written[name] = kinds[name](value)
    return replace(registers, **written)  # type: ignore[arg-type]
