"""A small deterministic stemmer for English: enough to see that two words are the same word, no more."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")

STOP_WORDS = frozenset(
    """
    a about after all an and are as at be been before but by can did do does for from had has have he her his how i if
    in into is it its just like may more most much no not now of off on once one only or other our out over same say
    she should so some still such than that the their them then there these they this those to too two under up us was
    we were what when where which while who why will with without yet you your
    """.split()  # noqa: SIM905 - a list of a hundred literals reads worse
)
"""Words that name nothing."""

_SUFFIXES = (
    *("ational", "ations", "ation", "ments", "ment", "nesses", "ness", "ities", "ity", "ings", "ing", "ages", "age"),
    *("edly", "ied", "ies", "ers", "er", "est", "ed", "es", "ly", "s", "y", "e"),
)


def stem(word: str) -> str:
    """
    The stem of one word: `drifting`, `drifted` and `drifts` all give `drift`; `slower` and `slowly` give `slow`.

    Suffixes come off, longest first, while three letters with a vowel remain; then a doubled last consonant is halved.
    """
    text = word.lower().partition("'")[0]
    for _ in range(3):
        for suffix in _SUFFIXES:
            rest = text.removesuffix(suffix)
            if rest != text and len(rest) >= 3 and re.search(r"[aeiouy]", rest) and not _is_whole(text, suffix):
                text = rest
                break
        else:
            break
    if len(text) > 3 and text[-1] == text[-2] and text[-1] not in "aeiouls":
        text = text[:-1]
    return text


def _is_whole(word: str, suffix: str) -> bool:
    """Whether the final s belongs to the word itself, as in `process` and `status`."""
    return suffix == "s" and word.endswith(("ss", "us", "is"))


def stems(text: str) -> tuple[str, ...]:
    """The stems of the words of a text that name something, in order."""
    return tuple(stem(word) for word in _WORD.findall(text.lower()) if word not in STOP_WORDS)


def shared_stems(first: str, second: str) -> tuple[str, ...]:
    """Words of the first text, as written there, whose stems the second has too, sorted."""
    theirs = set(stems(second))
    words = {word for word in _WORD.findall(first.lower()) if word not in STOP_WORDS}
    return tuple(sorted(word for word in words if stem(word) in theirs))


def contains_phrase(text: str, phrase: str) -> bool:
    """Whether the stems of the phrase stand next to each other, in order, in the text."""
    wanted = stems(phrase)
    return bool(wanted) and _within(wanted, stems(text))


def _within(wanted: Sequence[str], found: Sequence[str]) -> bool:
    length = len(wanted)
    return any(tuple(found[at : at + length]) == tuple(wanted) for at in range(len(found) - length + 1))
