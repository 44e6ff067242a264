"""Silences: keeping alerts quiet for a while, and letting them speak again."""

from __future__ import annotations

from collections.abc import Sequence

from lab.content.values import format_duration
from lab.errors import SettingsError
from lab.operate import tables
from lab.operate.lab import Lab
from lab.operate.verbs import Outcome
from lab.telemetry.alertmanager import Matcher, Silence

BY = "you"
"""Who made a silence, as Alertmanager records it."""
_SHORT = 8


def silence(lab: Lab, matchers: Sequence[str], seconds: float, comment: str = "") -> Outcome:
    """`amtool silence add`: alerts that all matchers match are quiet for so long; a bare word names the alert."""
    read = [_matcher(text) for text in matchers]
    if not read or seconds < 1:
        raise SettingsError(
            "Nothing to silence", "matchers, and a time of a second or more, are needed.", "Usage: silence MATCHER ..."
        )
    made = lab.alertmanager.silence(read, lab.around.now(), seconds, created_by=BY, comment=comment)
    what = " ".join(str(matcher) for matcher in read)
    return Outcome(f"silence {made[:_SHORT]}: {what} is quiet for {format_duration(seconds)}", changed=True)


def silences(lab: Lab) -> Outcome:
    """`amtool silence query`: what is silenced now or will be."""
    now = lab.around.now()
    found = lab.alertmanager.silences()
    if not found:
        return Outcome("Nothing is silenced.")
    head = ("ID", "STATE", "MATCHERS", "ENDS IN", "BY", "COMMENT")
    return Outcome(tables.aligned([head, *(_row(one, now) for one in found)]))


def unsilence(lab: Lab, silence_id: str) -> Outcome:
    """`amtool silence expire`: end a silence now, named by its id or the beginning of it."""
    found = lab.alertmanager.silences()
    fits = [one.id for one in found if one.id.startswith(silence_id)]
    if len(fits) != 1:
        known = ", ".join(sorted(one.id[:_SHORT] for one in found)) or "none"
        why = "no silence has that id" if not fits else "more than one silence begins like that"
        raise SettingsError("No such silence", f"{silence_id!r}: {why}.", f"Silences: {known}.")
    lab.alertmanager.expire(fits[0])
    return Outcome(f"silence {fits[0][:_SHORT]} is over", changed=True)


def _matcher(text: str) -> Matcher:
    try:
        return Matcher.parse(text if any(sign in text for sign in "=~!") else f"alertname={text}")
    except ValueError as error:
        raise SettingsError("Not a matcher", f"{error}.", "Several matchers must all hold.") from error


def _row(one: Silence, now: float) -> tuple[str, ...]:
    matchers = " ".join(str(matcher) for matcher in one.matchers)
    return (one.id[:_SHORT], one.state, matchers, tables.age(one.ends - now), one.created_by or "-", one.comment or "-")
