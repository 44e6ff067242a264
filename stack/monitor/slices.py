"""The same figures for parts of the traffic, with a bound on how many parts there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from stack.monitor.predictions import Prediction
from stack.monitor.quality import Quality, quality_of

MOST_VALUES = 16
"""Values of one kind of slice that are told apart; the rarest beyond are `other`."""
OTHER = "other"

_KINDS = {name: attrgetter(name) for name in ("origin", "carrier", "version", "replica")}
SLICES = tuple(_KINDS)


@dataclass(frozen=True, slots=True)
class Slice:
    """One part."""

    kind: str
    """One of `SLICES`."""
    value: str
    quality: Quality


def slices_of(predictions: Iterable[Prediction]) -> tuple[Slice, ...]:
    """Every slice of these predictions, by kind and then by value."""
    items = tuple(predictions)
    found: list[Slice] = []
    for kind, value_of in _KINDS.items():
        counts = Counter(value_of(item) or OTHER for item in items)
        kept = {value for value, _ in counts.most_common(MOST_VALUES)}
        parts: dict[str, list[Prediction]] = {}
        for item in items:
            value = value_of(item)
            parts.setdefault(value if value in kept else OTHER, []).append(item)
        found += [Slice(kind, value, quality_of(part)) for value, part in sorted(parts.items())]
    return tuple(found)
