"""Schedules of CronJobs: which times they mean, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from lab.cluster.embedded.cron import parse_schedule

START = datetime(2030, 1, 1, 12, 0, 30, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("text", "next_time"),
    [
        ("* * * * *", "2030-01-01 12:01:00"),
        ("*/5 * * * *", "2030-01-01 12:05:00"),
        ("0 * * * *", "2030-01-01 13:00:00"),
        ("@hourly", "2030-01-01 13:00:00"),
        ("@daily", "2030-01-02 00:00:00"),
        ("@midnight", "2030-01-02 00:00:00"),
        ("@weekly", "2030-01-06 00:00:00"),
        ("@monthly", "2030-02-01 00:00:00"),
        ("@yearly", "2031-01-01 00:00:00"),
        ("@every 90s", "2030-01-01 12:02:00"),
        ("@every 1h30m", "2030-01-01 13:30:30"),
        ("30 8-10 * * mon-fri", "2030-01-02 08:30:00"),
        ("0 0 * feb 0", "2030-02-03 00:00:00"),
        ("15,45 12 * * *", "2030-01-01 12:15:00"),
        ("0 0 13 * FRI", "2030-01-04 00:00:00"),
        ("0 0 13 * *", "2030-01-13 00:00:00"),
        ("0 0 ? * sat", "2030-01-05 00:00:00"),
        ("10/20 * * * *", "2030-01-01 12:10:00"),
        ("0 0 29 2 *", "2032-02-29 00:00:00"),
    ],
)
def test_the_next_time(text: str, next_time: str) -> None:
    found = parse_schedule(text).after(START)
    assert found is not None
    assert found.strftime("%Y-%m-%d %H:%M:%S") == next_time
    assert found.tzinfo is UTC


def test_a_schedule_without_any_time_has_none() -> None:
    assert parse_schedule("0 0 30 2 *").after(START) is None


def test_times_are_those_of_the_zone_that_is_asked_in() -> None:
    found = parse_schedule("0 9 * * *").after(START.astimezone(ZoneInfo("America/New_York")))
    assert found is not None
    assert found.astimezone(UTC) == datetime(2030, 1, 1, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "5-1 * * * *",
     "*/0 * * * *", "a * * * *", "@fortnightly", "@every soon", "TZ=UTC * * * * *", "1- * * * *"],
)  # fmt: skip
def test_no_schedules(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_schedule(text)
