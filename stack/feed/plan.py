"""What the feed is to send: which flights, how many a second, and how that varies; the body of `PUT /plan`."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Hour = Annotated[float, msgspec.Meta(ge=0, le=24)]
Day = Annotated[str, msgspec.Meta(pattern="^(0[1-9]|1[0-2])[0-3][0-9]$")]


class Steady(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="steady"):
    """The same rate all the time."""

    def factor(self, seconds: float) -> float:
        """Times the plain rate, `seconds` after the plan began."""
        return 1.0


class Wave(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="wave"):
    """A day, compressed: the rate swings around the plain one, and begins at its mean on the way up."""

    period_seconds: Seconds = 240
    swing: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.5
    """The highest rate is `1 + swing` times the plain one."""

    def factor(self, seconds: float) -> float:
        """Times the plain rate, `seconds` after the plan began."""
        return 1 + self.swing * math.sin(2 * math.pi * seconds / self.period_seconds)


class Burst(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="burst"):
    """The plain rate, and `times` as many for `burst_seconds` at the end of each `every_seconds`."""

    every_seconds: Seconds = 60
    burst_seconds: Seconds = 10
    times: Annotated[float, msgspec.Meta(gt=0, le=100)] = 3.0

    def factor(self, seconds: float) -> float:
        """Times the plain rate, `seconds` after the plan began."""
        return self.times if seconds % self.every_seconds >= self.every_seconds - self.burst_seconds else 1.0


class Mix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which flights are sent as they come; of the others only a share is. What is not said does not matter."""

    origin: Literal["EWR", "JFK", "LGA"] | None = None
    carrier: str | None = None
    days: Literal["weekday", "weekend"] | None = None
    hours: tuple[Hour, Hour] | None = None
    """Scheduled hours of departure, from the first and before the second."""
    most_miles: Annotated[float, msgspec.Meta(gt=0)] | None = None
    others: Share = 0.0
    """Share of the flights that do not match which is sent all the same."""


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole plan."""

    pool: str = "calm"
    rate_rps: Annotated[float, msgspec.Meta(ge=0.01, le=2000)] = 40
    """Requests a second, before `shape`."""
    shape: Steady | Wave | Burst = Steady()
    mix: Mix | None = None
    insert: tuple[Day, ...] = ()
    """Days (`MMDD`) of any pool that are sent first, one after the other, each in the order of its push-backs."""


Shape = Steady | Wave | Burst

_decode = msgspec.json.Decoder(Plan).decode


def read_plan(body: bytes) -> Plan:
    """
    The plan in a request's body.

    Raises:
        ValueError: it is no JSON, has an unknown key or a value out of its range; the message names the place.
    """
    return _decode(body)
