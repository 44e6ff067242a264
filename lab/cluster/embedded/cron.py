"""
Schedules of CronJobs: five fields as in crontab, with names, ranges, lists and steps; `@hourly` and its like; `@every`.

    schedule = parse_schedule("*/5 8-18 * * mon-fri")
    schedule.after(moment)                              the first time later than `moment`, in its time zone

Format: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("", *_MONTHS)),
    ("day of week", 0, 6, _DAYS),
)
_EVERY = re.compile(r"@every\s+((?:\d+(?:\.\d+)?(?:ms|s|m|h))+)")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
FARTHEST = timedelta(days=5 * 366)
"""How far ahead a time is looked for: a schedule such as February 30th has none."""


@dataclass(frozen=True, slots=True)
class Every:
    """A constant length of time between two runs."""

    length: timedelta

    def after(self, moment: datetime) -> datetime | None:
        """The moment one length later, in whole seconds."""
        return moment.replace(microsecond=0) + self.length


@dataclass(frozen=True, slots=True)
class Calendar:
    """The minutes, hours, days and months of a crontab line."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    any_day: bool
    """Days of the month or of the week are left open, so that both must agree; else either will do."""

    def after(self, moment: datetime) -> datetime | None:
        """The first matching minute later than `moment`, or None if there is none in five years."""
        found = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        last = moment + FARTHEST
        while found <= last:
            if found.month not in self.months or not self._has_day(found):
                found = found.replace(hour=0, minute=0) + timedelta(days=1)
            elif found.hour not in self.hours:
                found = found.replace(minute=0) + timedelta(hours=1)
            elif found.minute not in self.minutes:
                found += timedelta(minutes=1)
            else:
                return found
        return None

    def _has_day(self, moment: datetime) -> bool:
        of_month = moment.day in self.days
        of_week = moment.isoweekday() % 7 in self.weekdays
        return (of_month and of_week) if self.any_day else (of_month or of_week)


Schedule = Every | Calendar


def parse_schedule(text: str) -> Schedule:
    """The schedule that a text means.

    Raises:
        ValueError: it means none; the message says why.
    """
    words = text.strip()
    if not words:
        raise ValueError("empty spec string")
    if words.startswith(("TZ=", "CRON_TZ=")):
        raise ValueError("cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
    if words.startswith("@"):
        return _named(words)
    parts = words.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"expected exactly {len(_FIELDS)} fields, found {len(parts)}: {parts}")
    minutes, hours, days, months, weekdays = (_field(part, *field) for part, field in zip(parts, _FIELDS, strict=True))
    return Calendar(minutes[0], hours[0], days[0], months[0], weekdays[0], any_day=days[1] or weekdays[1])


def _named(text: str) -> Schedule:
    if text in MACROS:
        return parse_schedule(MACROS[text])
    found = _EVERY.fullmatch(text)
    if found is None:
        raise ValueError(f"unrecognized descriptor: {text}")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _LENGTH.findall(found[1]))
    return Every(timedelta(seconds=max(1, int(seconds))))


def _field(text: str, name: str, lowest: int, highest: int, names: tuple[str, ...]) -> tuple[frozenset[int], bool]:
    """The numbers of one field, and whether it is left open."""
    numbers: set[int] = set()
    is_open = False
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, (), name) if slash else 1
        if step < 1:
            raise ValueError(f"step of range should be a positive number: {part}")
        if span in ("*", "?"):
            first, last = lowest, highest
            is_open |= step == 1
        else:
            start, dash, end = span.partition("-")
            first = _number(start, names, name)
            last = _number(end, names, name) if dash else highest if slash else first
        if first < lowest or last > highest:
            raise ValueError(f"{name} {part} is not between {lowest} and {highest}")
        if first > last:
            raise ValueError(f"beginning of range ({first}) beyond end of range ({last}): {part}")
        numbers.update(range(first, last + 1, step))
    return frozenset(numbers), is_open


def _number(text: str, names: tuple[str, ...], field: str) -> int:
    if text and text.lower() in names:
        return names.index(text.lower())
    if not text.isdigit():
        raise ValueError(f"failed to parse {field} from {text!r}")
    return int(text)
