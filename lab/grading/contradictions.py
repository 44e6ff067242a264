"""Where a note says two things at once: front matter against body, durations against times, cause against ruled out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from lab.content.causes import NO_FAULT, Causes
from lab.grading.actions import given_actions
from lab.grading.body import Note
from lab.grading.closeness import identify
from lab.grading.layout import TIME_KEYS
from lab.grading.moments import Moment, parse_moment
from lab.grading.severity import parse_severity

LEAST_SECONDS = 60.0
"""Stated times and durations may be off by this much, in seconds, before they contradict each other."""
LENGTH_SHARE = 0.5
"""... and by this share of the longer duration."""
UNDATED = 10.5 * 86400.0
"""Stands in for the day of a run that is not known, Unix seconds."""

MOST = 20
"""More than this many take nothing further away."""
BESIDE = 30
"""Characters on either side of a cause in which a negation is looked for."""

_NEGATED = re.compile(
    r"\b(?:not|no|never|nor|isn't|wasn't|rul(?:ed|e|ing) out|rather than|unlike|instead of|suspect\w*|excluded)\b",
    re.IGNORECASE,
)
_SEVERITY = re.compile(r"\bsev[\s_-]?[1-4]\b", re.IGNORECASE)
_VERSION = re.compile(r"(?<![\w.])v?(\d+\.\d+\.\d+)(?![\w.]*\d)")
_LASTED = re.compile(
    r"\b(?:lasted|duration(?: of|:)?|went on for)\s+(?:about |around |roughly |some |~\s?)?"
    r"(?:(?P<minutes>\d+(?:[.,]\d+)?)\s*(?:minutes?|mins?|m)\b)?\s*(?:and )?"
    r"(?:(?P<seconds>\d+)\s*(?:seconds?|secs?|s)\b)?",
    re.IGNORECASE,
)
_COMPONENT = re.compile(r"^[*_>\- ]{0,8}component[*_ ]{0,4}:[*_` ]{0,4}([\w-]+(?: [\w-]+)?)", re.I | re.MULTILINE)
_LABELLED = re.compile(
    r"\b(?P<key>started|detected|mitigated|resolved)(?: at|:)?\s+"
    r"(?P<time>(?:\d{4}-\d{2}-\d{2}[T ])?\d{1,2}:\d{2}(?::\d{2})?(?:\s?(?:Z|UTC|[+-]\d{2}:?\d{2}))?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two statements of a note that cannot both be true."""

    line: int
    why: str


def contradictions(note: Note, causes: Causes, near: float) -> tuple[Contradiction, ...]:
    """Every contradiction within a note; `near` (Unix seconds) dates times without a date. Knows no truth."""
    checks: tuple[Callable[[Note, Causes, float], Iterator[Contradiction]], ...] = (
        _cause, _component, _versions, _severity, _times, _duration, _ruled_out, _no_fault,
    )  # fmt: skip
    return tuple(islice((found for check in checks for found in check(note, causes, near)), MOST))


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _at(note: Note, heading: str) -> int:
    return note.lines.get(heading, note.body_line)


def _cause(note: Note, causes: Causes, near: float) -> Iterator[Contradiction]:
    """The section on the root cause names another entry of the vocabulary, and not the one of the front matter."""
    text = note.sections.get("Root cause and trigger", "")
    said = identify(causes, note.matter.text("root_cause"))
    if said is None or not text:
        return
    allowed = {said, *(one.id for one in (causes.parent_of(said),) if one is not None)}
    named = dict(_ids(causes, text))
    others = {one for one, meant in named.items() if meant} - allowed
    if others and not allowed & set(named):
        why = f"root_cause is {said}, and the section on the root cause names {_list(others)}"
        yield Contradiction(_at(note, "Root cause and trigger"), why)


def _ids(causes: Causes, text: str) -> Iterator[tuple[str, bool]]:
    """Ids of the vocabulary in a text, and whether each is meant: not negated or only suspected right beside it."""
    lower = text.lower()
    for cause in causes:
        if "-" in cause.id and (match := re.search(rf"(?<![\w-]){re.escape(cause.id)}(?![\w-])", lower)):
            beside = lower[max(0, match.start() - BESIDE) : match.start()] + " | " + lower[match.end() :][:BESIDE]
            yield cause.id, not _NEGATED.search(beside)


def _component(note: Note, causes: Causes, near: float) -> Iterator[Contradiction]:
    """A line `Component: X` in the body names another component than the front matter."""
    said = folded(note.matter.text("component"))
    match = _COMPONENT.search(note.body)
    if said and match and folded(match[1]) != said:
        line = note.body_line + note.body.count("\n", 0, match.start(1))
        yield Contradiction(line, f"component is {said}, and the body says {match[1]}")


def _versions(note: Note, causes: Causes, near: float) -> Iterator[Contradiction]:
    """The section on the root cause names versions, and neither of those in the front matter."""
    said = {version_text(note.matter.text(key)) for key in ("bad_version", "good_version")} - {""}
    named = {match[1] for match in _VERSION.finditer(note.sections.get("Root cause and trigger", ""))}
    if said and named and not said & named:
        why = f"versions are {_list(said)}, and the section on the root cause names {_list(named)}"
        yield Contradiction(_at(note, "Root cause and trigger"), why)


def _severity(note: Note, causes: Causes, near: float) -> Iterator[Contradiction]:
    said = parse_severity(note.matter.text("severity"))
    named = {one for match in _SEVERITY.finditer(note.body) if (one := parse_severity(match[0])) is not None}
    if said is not None and named and said not in named:
        yield Contradiction(note.body_line, f"severity is {said}, and the body says {_list(named)}")


def _times(note: Note, causes: Causes, near: float) -> Iterator[Contradiction]:
    """`mitigated at 14:05` in the body, and another time in the front matter."""
    given = stated_times(note, near)
    slack = _slack(given)
    for match in _LABELLED.finditer(note.body):
        key = match["key"].lower()
        other = parse_moment(match["time"], near)
        if key in given and other is not None and given[key].distance(other.start, other.end) > slack:
            line = note.body_line + note.body.count("\n", 0, match.start())
            yield Contradiction(line, f"{key} is {note.matter.text(key)}, and the body says {match['time']}")


def _duration(note: Note, causes: Causes, near: float) -> Iterator[Contradiction]:
    """`lasted 4 minutes`, and no two times of the front matter are about that far apart."""
    given = stated_times(note, near)
    ends = [given[key].start for key in ("mitigated", "resolved") if key in given]
    starts = [given[key].start for key in ("started", "detected") if key in given]
    spans = [end - start for end in ends for start in starts]
    if not spans:
        return
    for match in _LASTED.finditer(note.body):
        said = float((match["minutes"] or "0").replace(",", ".")) * 60 + float(match["seconds"] or 0)
        if said and all(abs(said - span) > max(LEAST_SECONDS, LENGTH_SHARE * max(said, span)) for span in spans):
            line = note.body_line + note.body.count("\n", 0, match.start())
            yield Contradiction(line, f"the body says {match[0].strip()}, and the times are {spans[0]:.0f} s apart")


def _ruled_out(note: Note, causes: Causes, near: float) -> Iterator[Contradiction]:
    said = identify(causes, note.matter.text("root_cause"))
    for row in note.matter.rows("ruled_out"):
        if said is not None and identify(causes, row.text("hypothesis")) == said:
            yield Contradiction(row.line, f"root_cause is {said}, and it is ruled out here")


def _no_fault(note: Note, causes: Causes, near: float) -> Iterator[Contradiction]:
    """Nothing was wrong, and yet there is a bad version or an action against another cause."""
    if identify(causes, note.matter.text("root_cause")) != NO_FAULT:
        return
    bad = version_text(note.matter.text("bad_version"))
    if bad:
        yield Contradiction(note.matter.line_of("bad_version"), f"root_cause is {NO_FAULT}, and bad_version is {bad}")
    for action in given_actions(note.matter.rows("actions")):
        other = identify(causes, action.addresses)
        if other not in (None, NO_FAULT):
            yield Contradiction(action.line, f"root_cause is {NO_FAULT}, and an action addresses {other}")
            return


def stated_times(note: Note, near: float) -> dict[str, Moment]:
    """The times of the front matter that can be read, by key."""
    parsed = {key: parse_moment(note.matter.text(key), near) for key in TIME_KEYS}
    return {key: moment for key, moment in parsed.items() if moment is not None}


def reference_time(note: Note) -> float:
    """A time that dates the others of a note when nothing is known of its run: the first that can be read."""
    for key in TIME_KEYS:
        moment = parse_moment(note.matter.text(key), UNDATED)
        if moment is not None:
            return moment.start
    return UNDATED


def _slack(given: dict[str, Moment]) -> float:
    starts = [moment.start for moment in given.values()]
    return max(LEAST_SECONDS, 0.1 * (max(starts) - min(starts))) if starts else LEAST_SECONDS


def folded(text: str) -> str:
    """A component as it is called in manifests: `Model Server`, `deployment/model-server` -> `model-server`."""
    bare = text.strip().lower().rsplit("/", 1)[-1]
    return re.sub(r"[\s_]+", "-", bare)


def version_text(text: str) -> str:
    """A version without its image and its v: `mlops-lab/model-server:v2.4.0` -> `2.4.0`; empty for `none` and `-`."""
    bare = text.strip().rsplit(":", 1)[-1].strip()
    bare = re.sub(r"^v(?=\d)", "", bare, flags=re.IGNORECASE)
    return "" if bare.lower() in ("none", "n/a", "-", "") else bare
