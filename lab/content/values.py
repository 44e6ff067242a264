"""Typed values that content is written in: durations, comparisons, moments relative to the strike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_COMPARISON = re.compile(r"(<=|>=|==|<|>)\s*(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)")
_MOMENT = re.compile(r"strike(?:\s*([+-])\s*(\S+))?")

Operator = Literal["<", "<=", ">", ">=", "=="]


def parse_duration(text: object) -> float:
    """Seconds of a duration such as `20s`, `3m`, `1m30s`; raises ValueError for anything else."""
    if isinstance(text, str) and text and (match := _DURATION.fullmatch(text)) and any(match.groups()):
        hours, minutes, seconds = (float(part) if part else 0.0 for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds
    raise ValueError(f"{text!r} is not a duration; write it like 20s, 3m or 1m30s")


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back, whole seconds: 90.0 -> `1m30s`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    text = (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "") + (f"{secs}s" if secs else "")
    return text or "0s"


def _duration(value: object, info: ValidationInfo) -> float:
    """Seconds as they are in code; in a file that a person wrote, only with a unit."""
    by_hand = isinstance(info.context, dict) and info.context.get("written")
    return value if isinstance(value, float) and not by_hand else parse_duration(value)


def _schema(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": list(examples)})


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, when_used="json"),
    _schema(r"([0-9]+h)?([0-9]+m)?([0-9]+([.][0-9]+)?s)?", "20s", "3m", "1m30s"),
]
"""Seconds, written as `20s`, `3m` or `1m30s`."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A bound on a value, written as `> 0.98`."""

    operator: Operator
    bound: float

    @classmethod
    def parse(cls, value: object) -> Comparison:
        """Read `> 0.98`; raises ValueError for anything else."""
        if isinstance(value, Comparison):
            return value
        if isinstance(value, str) and (match := _COMPARISON.fullmatch(value.strip())):
            operator: Any = match.group(1)
            return cls(operator, float(match.group(2)))
        raise ValueError(f"{value!r} is not a comparison; write it like > 0.98 or < 2")

    def holds(self, value: float) -> bool:
        """Whether the value satisfies the bound."""
        match self.operator:
            case "<":
                return value < self.bound
            case "<=":
                return value <= self.bound
            case ">":
                return value > self.bound
            case ">=":
                return value >= self.bound
            case "==":
                return value == self.bound

    def margin(self, value: float) -> float:
        """How far inside the bound a value is, in its own unit; negative outside. `==` has no inside: 0 at most."""
        match self.operator:
            case "<" | "<=":
                return self.bound - value
            case ">" | ">=":
                return value - self.bound
            case "==":
                return -abs(value - self.bound)

    def __str__(self) -> str:
        return f"{self.operator} {self.bound:g}"


Must = Annotated[
    Comparison,
    BeforeValidator(Comparison.parse),
    PlainSerializer(str),
    _schema(r"(<=|>=|==|<|>) *-?[0-9]+([.][0-9]+)?([eE]-?[0-9]+)?", "> 0.98", "< 2"),
]
"""A bound such as `> 0.98`."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time relative to the strike: `strike`, `strike - 60s`, `strike + 5s`."""

    offset_seconds: float

    @classmethod
    def parse(cls, value: object) -> Moment:
        """Read `strike - 60s`; raises ValueError for anything else."""
        if isinstance(value, Moment):
            return value
        if isinstance(value, str) and (match := _MOMENT.fullmatch(value.strip())):
            sign, length = match.groups()
            return cls(0.0 if length is None else parse_duration(length) * (-1 if sign == "-" else 1))
        raise ValueError(f"{value!r} is not a moment; write it like strike, strike - 60s or strike + 5s")

    def __str__(self) -> str:
        if not self.offset_seconds:
            return "strike"
        return f"strike {'-' if self.offset_seconds < 0 else '+'} {format_duration(abs(self.offset_seconds))}"


StrikeMoment = Annotated[
    Moment,
    BeforeValidator(Moment.parse),
    PlainSerializer(str),
    _schema(r"strike( *[+-] *[0-9hms.]+)?", "strike", "strike - 60s", "strike + 5s"),
]
"""A moment relative to the strike."""


def reflowed(text: str) -> str:
    """Prose whose lines an author broke, as paragraphs without breaks inside."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text.strip()))
