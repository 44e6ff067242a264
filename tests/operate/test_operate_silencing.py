"""Silences as an operator makes, lists and ends them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab.content.model import SilenceAlert
from lab.errors import SettingsError
from lab.operate import console
from lab.operate.lab import Lab
from lab.operate.steps import command_lines, take
from lab.telemetry.alertmanager import Matcher, Silence

NOW = 1000.0


class Held:
    """An Alertmanager in memory."""

    def __init__(self) -> None:
        self.made: list[Silence] = []
        self.ended: list[str] = []

    def silence(
        self, matchers: Sequence[Matcher], starts: float, seconds: float, *, created_by: str, comment: str
    ) -> str:
        silence_id = f"{'abc'[len(self.made)]}0000000-0000-4000-8000-000000000000"
        ends = starts + seconds
        self.made.append(Silence(silence_id, "active", tuple(matchers), starts, ends, created_by, comment))
        return silence_id

    def silences(self) -> tuple[Silence, ...]:
        return tuple(one for one in self.made if one.id not in self.ended)

    def expire(self, silence_id: str) -> None:
        self.ended.append(silence_id)


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def lab(held: Held) -> Lab:
    made: Any = SimpleNamespace(alertmanager=held, around=SimpleNamespace(now=lambda: NOW))
    return cast(Lab, made)


def test_a_bare_word_names_the_alert_and_ten_minutes_are_the_rule(lab: Lab, held: Held) -> None:
    done = console.run_line(lab, "silence GoodShareBurn")
    assert done.changed
    assert done.text == 'silence a0000000: alertname="GoodShareBurn" is quiet for 10m'
    (made,) = held.made
    assert (made.starts, made.ends, made.created_by) == (NOW, NOW + 600, "you")


def test_matchers_time_and_comment_are_taken(lab: Lab, held: Held) -> None:
    console.run_line(lab, "silence alertname=X 'severity=~\"page|ticket\"' --for=90s --comment 'known noise'")
    (made,) = held.made
    assert [str(matcher) for matcher in made.matchers] == ['alertname="X"', 'severity=~"page|ticket"']
    assert (made.ends - made.starts, made.comment) == (90, "known noise")


def test_silences_are_listed_and_ended_by_the_beginning_of_their_id(lab: Lab, held: Held) -> None:
    assert console.run_line(lab, "silences").text == "Nothing is silenced."
    console.run_line(lab, "silence One --for=1m")
    console.run_line(lab, "silence Two")
    head, first, second = console.run_line(lab, "silences").text.splitlines()
    assert head.split()[:3] == ["ID", "STATE", "MATCHERS"]
    assert first.split()[:3] == ["a0000000", "active", 'alertname="One"']
    assert second.split()[3] == "10m"
    assert console.run_line(lab, "unsilence a0").changed
    assert [one.id[0] for one in held.silences()] == ["b"]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("silence", "Usage: silence"),
        ("silence X --for=soon", "Usage: silence"),
        ("silence X --for=0s", "Usage: silence"),
        ("silence X --until=noon", "Usage: silence"),
        ("silence 1x=y", "must all hold"),
        ("unsilence", "Usage: unsilence"),
        ("unsilence zz", "Silences: a0000000"),
        ("unsilence ''", "Silences: a0000000"),
    ],
)
def test_what_cannot_be_done_says_what_could(lab: Lab, held: Held, line: str, word: str) -> None:
    held.silence([], NOW, 60, created_by="mei", comment="")
    held.silence([], NOW, 60, created_by="mei", comment="")
    with pytest.raises(SettingsError) as refused:
        console.run_line(lab, line)
    assert word in refused.value.next_step
    assert not held.ended


def test_a_step_of_a_play_silences_for_longer_than_any_run(lab: Lab, held: Held) -> None:
    step = SilenceAlert(silence="GoodShareBurn")
    assert command_lines(step, {}) == ("silence GoodShareBurn --for=1h",)
    (done,) = take(lab, step, {})
    assert done.changed
    assert held.made[0].ends - held.made[0].starts == 3600
