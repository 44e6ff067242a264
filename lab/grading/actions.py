"""The actions of a note: what is to be done, by whom, until when, and about what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from lab.grading.body import words
from lab.grading.frontmatter import Mapping

LONGEST = timedelta(weeks=8)
LEAST_WORDS = 3
"""An action says what is to be done in this many words or more."""

_ROLES = (
    "team teams squad guild group crew oncall on-call engineer engineers engineering lead leads owner owners manager "
    "managers sre platform ops mlops devops ml data science scientist infra infrastructure reliability operations "
    "security release serving model models service duty rota maintainer maintainers product analyst architect support"
)
_ROLE_WORDS = frozenset(_ROLES.split())
_PREVENT = ("prevent", "preventive", "prevents", "prevention", "preventative")
_DETECT = ("detect", "detection", "detects", "detective", "monitor", "monitoring", "alert", "alerting")
_SPAN = re.compile(r"(?:in |within )?(\d+)\s*(d|days?|w|wk|weeks?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GivenAction:
    """One action as the note has it."""

    line: int
    do: str
    kind: str
    """`prevent`, `detect`, or whatever else was written."""
    owner: str
    due: str
    addresses: str

    @property
    def counts(self) -> bool:
        """Whether it says what is to be done."""
        return len(set(words(self.do))) >= LEAST_WORDS


def given_actions(rows: tuple[Mapping, ...]) -> tuple[GivenAction, ...]:
    """The actions of a note, one that says the same as another left out."""
    found: dict[tuple[str, ...], GivenAction] = {}
    for row in rows:
        action = GivenAction(
            line=row.line,
            do=row.text("do"),
            kind=kind_of(row.text("type")),
            owner=row.text("owner"),
            due=row.text("due"),
            addresses=row.text("addresses"),
        )
        found.setdefault(tuple(words(action.do)), action)
    return tuple(found.values())


def kind_of(text: str) -> str:
    """`prevent` or `detect` for their usual spellings, else the text itself."""
    first = (words(text) or [""])[0]
    return "prevent" if first in _PREVENT else "detect" if first in _DETECT else text.strip()


def is_role(owner: str, people: tuple[str, ...]) -> bool:
    """Whether an owner is a role or team rather than a person: no name of the run, no address, no full name."""
    found = words(owner)
    if not found or "@" in owner or any(word in people for word in found):
        return False
    if any(part in _ROLE_WORDS for word in found for part in (word, *word.split("-"))):
        return True
    capitals = re.findall(r"\b[A-Z][a-z]+\b", owner)
    return not (len(capitals) >= 2 and len(capitals) == len(found))


def due_date(text: str, ran: float) -> date | None:
    """The date an action is due, written as a date or as `2 weeks` from the run (Unix seconds); None if neither."""
    day = datetime.fromtimestamp(ran, UTC).date()
    bare = text.strip()
    try:
        if match := _SPAN.fullmatch(bare):
            count = int(match[1])
            return day + (timedelta(weeks=count) if match[2].lower().startswith("w") else timedelta(days=count))
        return date.fromisoformat(bare[:10])
    except (ValueError, OverflowError):
        return None


def due_in_time(text: str, ran: float) -> bool:
    """Whether an action is due within eight weeks after the run."""
    due = due_date(text, ran)
    day = datetime.fromtimestamp(ran, UTC).date()
    return due is not None and day - timedelta(days=1) <= due <= day + LONGEST
