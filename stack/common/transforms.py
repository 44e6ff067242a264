"""What a release of the feed may do to the features of a flight before it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from stack.common.features import CARRIERS, NAMES, ORIGINS

_LARGE = 1e6


def _within(low: float, high: float) -> dict[str, tuple[float, float]]:
    return {"within": (low, high)}


@dataclass(frozen=True, slots=True)
class Where:
    """Which flights a step applies to; what is not said does not matter."""

    origin: str = field(default="", metadata={"one_of": ("", *ORIGINS)})
    carrier: str = field(default="", metadata={"one_of": ("", *CARRIERS)})


@dataclass(frozen=True, slots=True)
class Transform:
    """
    One step: `feature` becomes what the other keys say, on a share of the flights that `where` names.

    The keys of one step are applied in this order: swap, stale_hours, absolute, scale, add, wrap, codes, fill,
    null_share. A missing value stays missing, except by `fill` and `swap`.
    """

    feature: str = field(metadata={"one_of": NAMES})
    where: Where = Where()
    share: float = field(default=1.0, metadata=_within(0, 1))
    """Share of the flights that the step applies to, 0 to 1."""
    swap: str = field(default="", metadata={"one_of": ("", *NAMES)})
    """The feature that trades its value with this one."""
    stale_hours: float = field(default=0.0, metadata=_within(0, 720))
    """The value as it was so many hours before: that of the newest flight of the same route, or origin, by then."""
    absolute: bool = False
    """Without its sign."""
    scale: float = field(default=1.0, metadata=_within(-_LARGE, _LARGE))
    """Times so much."""
    add: float = field(default=0.0, metadata=_within(-_LARGE, _LARGE))
    """Plus so much."""
    wrap: float = field(default=0.0, metadata=_within(0, _LARGE))
    """Modulo so much; 0 does not wrap."""
    codes: tuple[int, ...] = field(default=(), metadata=_within(0, 1000))
    """The new code for each old one, from 0 on; a code beyond the list stays."""
    fill: float | None = field(default=None, metadata=_within(-_LARGE, _LARGE))
    """This value, whatever it was."""
    null_share: float = field(default=0.0, metadata=_within(0, 1))
    """Share of these flights in which the value is missing, 0 to 1."""
