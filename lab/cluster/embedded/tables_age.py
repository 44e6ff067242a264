"""Ages as kubectl shows them: `5s`, `2m10s`, `3h`, `4d`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

UNKNOWN = "<unknown>"


def parsed_time(text: str) -> datetime:
    """A time as objects carry it, with or without a fraction of a second.

    Raises:
        ValueError: it is none.
    """
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def since(text: str | None, now: datetime) -> str:
    """The age of a time that an object carries."""
    if not text:
        return UNKNOWN
    try:
        return duration((now - parsed_time(text)).total_seconds())
    except ValueError:
        return UNKNOWN


def age(obj: Mapping[str, Any], now: datetime) -> str:
    """The age of an object since its creation."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def duration(seconds: float) -> str:
    """A length of time in at most two units, coarser the longer it is."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _pair(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    return _pair(days // 365, "y", days % 365, "d")


def _pair(high: int, high_unit: str, low: int, low_unit: str) -> str:
    return f"{high}{high_unit}" + (f"{low}{low_unit}" if low else "")
