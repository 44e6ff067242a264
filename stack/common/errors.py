"""Why a component cannot start, as the one line it leaves in its log."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class StartError(Exception):
    """A component cannot start as asked; `str` is one line saying what is wrong and what would be right."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like `word`, for refusals; the first of the sorted ones when nothing is alike."""
    choices = sorted(known)
    if not choices:
        return ""
    alike = difflib.get_close_matches(word, choices, n=1, cutoff=0.4)
    return alike[0] if alike else choices[0]
