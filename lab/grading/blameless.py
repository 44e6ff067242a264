"""Whether a note makes a person the cause, by a lexicon of English; other languages are not judged."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.grading.body import Note, words

_FUNCTION = (
    "the a an of to and in was is were on for by with that it from at as after before this not be had has which its are"
)
_FUNCTION_WORDS = frozenset(_FUNCTION.split())
ENGLISH_SHARE = 0.12
"""Least share of English function words by which a text counts as English."""
MOST = 20
"""Sentences that are listed at most."""
LEAST_WORDS = 12
"""Fewer words than this are not enough to judge."""

_BLAMEFUL = re.compile(
    r"\b(?:human|operator|user|pilot) error\b|\bcareless\w*|\bnegligen\w*|\bsloppy\b|\bincompeten\w*|\breckless\w*"
    r"|\bto blame\b|\bblame (?:lies|is|goes)\b|\bsomebody (?:made a mistake|screwed up|messed up)\b"
    r"|\b(?:whoever|someone|somebody) (?:forgot|broke|should have)\b",
    re.IGNORECASE,
)
_EXCULPATING = re.compile(r"\b(?:no|no ?one|nobody|not|never|without|blameless)\b", re.IGNORECASE)
_ROLES = (
    r"the (?:\w+ )?(?:developer|engineer|operator|author|deployer|colleague|teammate|intern|admin|committer|reviewer)"
)
_QUOTED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`|\"[^\"]*\"|\u201c[^\u201c\u201d]*\u201d", re.DOTALL)
_BLOCK_QUOTE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n\s*\n|\n(?=\s*(?:[-*#]|\d+\.)\s)")


@dataclass(frozen=True, slots=True)
class Blame:
    """A sentence that makes a person the cause."""

    line: int
    sentence: str


def is_english(text: str) -> bool | None:
    """Whether the text is English enough for the lexicon; None when it is too short to tell."""
    found = words(text)
    if len(found) < LEAST_WORDS:
        return None
    return sum(word in _FUNCTION_WORDS for word in found) / len(found) >= ENGLISH_SHARE


def blames(note: Note, people: tuple[str, ...]) -> list[Blame]:
    """Sentences of the body that make a person the cause; `people` are first names that count as persons."""
    pattern = _person_pattern(people)
    unquoted = _BLOCK_QUOTE.sub("", _QUOTED.sub(_blank, note.body))
    found, position = [], 0
    for sentence in _SENTENCE.split(unquoted):
        position = unquoted.index(sentence, position)
        blameful = _BLAMEFUL.search(sentence)
        if (blameful and not _EXCULPATING.search(sentence[: blameful.start()])) or pattern.search(sentence):
            lead = len(sentence) - len(sentence.lstrip())
            line = note.body_line + unquoted.count("\n", 0, position + lead)
            found.append(Blame(line, " ".join(sentence.split())))
        position += len(sentence)
        if len(found) == MOST:
            break
    return found


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def _person_pattern(people: tuple[str, ...]) -> re.Pattern[str]:
    person = "|".join([_ROLES, *(re.escape(name) for name in people)])
    deeds = (
        "should(?: have|n't have|'ve)|forgot|failed to|neglected|ignored|messed|screwed|caused|broke"
        "|did(?: not|n't) (?:bother|check|test|review|care)|(?:is|was) at fault|made (?:a|the) mistake|was wrong to"
    )
    faults = "mistakes?|faults?|errors?|carelessness|negligence|blunders?|oversight"
    return re.compile(
        rf"\b(?:{person})\b(?: \w+ly)? (?:{deeds})\b"
        rf"|\b(?:{person})['\u2019]s? (?:\w+ )?(?:{faults})\b"
        rf"|\b(?:caused by|because of|due to|thanks to|fault of|mistake of) (?:{person})\b(?!['\u2019]s)"
        rf"|\broot cause (?:is|was) (?:{person})\b(?!['\u2019]s)",
        re.IGNORECASE,
    )
