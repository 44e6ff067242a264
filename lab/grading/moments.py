"""Times as people write them, and how far they are from the record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

_ZONE = r"\s*(?P<zone>z|utc|gmt|(?:utc|gmt)?[+-]\d{1,2}(?::?\d{2})?)?"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<fraction>[.,]\d+)?)?"
_MOMENT = re.compile(rf"(?:(?P<date>\d{{4}}-\d{{2}}-\d{{2}})(?:[t_,]|\s|\s+at\s)\s*)?{_CLOCK}{_ZONE}")
_EPOCH = re.compile(r"\d{10}(?:\.\d+)?")

ACCEPTED = "14:03:05 (UTC on the day of the run), 14:03, 16:03:05+02:00, or 2026-10-01T14:03:05Z"
"""How a time may be written, for messages."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A stated time: somewhere from `start` until `end`, Unix seconds; `14:03` is the whole minute."""

    start: float
    end: float

    def distance(self, first: float, last: float | None = None) -> float:
        """Seconds between this time and the span first..last; 0 where they touch."""
        return max(0.0, first - self.end, self.start - (first if last is None else last))


def parse_moment(text: str, near: float) -> Moment | None:
    """
    Read a time, or None if it is none.

    ISO 8601 with any offset; without one it is UTC. A time without a date is on the day that brings it closest to
    `near` (Unix seconds).
    """
    bare = text.strip().lower()[:60]
    if _EPOCH.fullmatch(bare):
        return Moment(float(bare), float(bare) + (0.0 if "." in bare else 1.0))
    match = _MOMENT.fullmatch(bare)
    if match is None:
        return None
    try:
        at = _at(match, near)
    except (ValueError, OverflowError):
        return None
    return Moment(at, at + (60.0 if match["second"] is None else 0.0 if match["fraction"] else 1.0))


def utc_text(at: float) -> str:
    """`2026-10-01T14:03:05Z`, whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock_text(at: float) -> str:
    """`14:03:05`, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def _at(match: re.Match[str], near: float) -> float:
    zone = _zone(match["zone"] or "z")
    fraction = float((match["fraction"] or "0").replace(",", "."))
    clock = time(int(match["hour"]), int(match["minute"]), int(match["second"] or 0), tzinfo=zone)
    if match["date"] is not None:
        return datetime.combine(date.fromisoformat(match["date"]), clock).timestamp() + fraction
    day = datetime.fromtimestamp(near, zone).date()
    days = (day + timedelta(days=shift) for shift in (-1, 0, 1))
    return min((datetime.combine(one, clock).timestamp() + fraction for one in days), key=lambda at: abs(at - near))


def _zone(text: str) -> timezone:
    offset = text.removeprefix("utc").removeprefix("gmt")
    if offset in ("", "z"):
        return UTC
    digits = offset[1:].replace(":", "")
    hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(-span if offset[0] == "-" else span)
