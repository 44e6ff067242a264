"""Resources and their quantities: `500m`, `64Mi`, `1.5`, `2e3`."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

QUANTITY = re.compile(r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)")
_SUFFIXES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10) ** 3,
    **{letter: Decimal(10) ** (3 * (at + 2)) for at, letter in enumerate("MGTPE")},
    **{f"{letter}i": Decimal(1024) ** (at + 1) for at, letter in enumerate("KMGTPE")},
}

CONTAINER_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage"})
"""What containers may ask for beside extended resources."""
NODE_RESOURCES = CONTAINER_RESOURCES | {"pods"}
"""What a node counts by itself; all others are extended resources, which anybody may advertise."""


def is_extended(name: str) -> bool:
    """Whether a name is that of an extended resource: qualified by a domain that is not Kubernetes' own."""
    domain, slash, rest = name.partition("/")
    return bool(slash and rest and domain) and not (domain == "kubernetes.io" or domain.endswith(".kubernetes.io"))


def parse_quantity(text: str) -> Decimal:
    """The amount in base units: cores, bytes.

    Raises:
        ValueError: it is no quantity.
    """
    found = QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f"not a quantity: {text!r}")
    number, suffix = found[1], found[2]
    try:
        if suffix in _SUFFIXES:
            return Decimal(number) * _SUFFIXES[suffix]
        return Decimal(number + suffix)
    except InvalidOperation:
        raise ValueError(f"not a quantity: {text!r}") from None
