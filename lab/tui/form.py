"""How times, shares and counts are written on screen."""

from __future__ import annotations

from datetime import datetime


def clock(seconds: float) -> str:
    """Minutes and seconds as on a stopwatch: 75 -> `01:15`, an hour and more as `1:02:03`; never below zero."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def age(seconds: float) -> str:
    """How long ago, in at most two units: `8s`, `1m12s`, `2h05m`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m"


def time_of_day(at: float) -> str:
    """Local time of a Unix time, `14:03:59`."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def percent(share: float) -> str:
    """A share from 0 to 1 with one decimal that never rounds up to 100: `93.1 %`, `99.9 %`, `100 %`."""
    if share >= 1.0:
        return "100 %"
    return f"{min(share * 100, 99.9):.1f} %"


def seconds(value: float) -> str:
    """A latency: `41 ms`, `1.2 s`."""
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 99.95 else f"{value:.0f} s"


def number(value: float) -> str:
    """A plain quantity in about three digits."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.3f}" if size < 1 else f"{value:.2f}"


def rate(value: float) -> str:
    """Requests a second."""
    return f"{number(value)}/s"


def plural(count: int, noun: str) -> str:
    """`1 problem`, `2 problems`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def bar(share: float, width: int) -> tuple[str, str]:
    """The full and the empty part of a bar `width` cells wide."""
    full = round(max(0.0, min(1.0, share)) * width)
    return "━" * full, "━" * (width - full)
