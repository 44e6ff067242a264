"""How close a named cause is to the true one."""

from __future__ import annotations

import re
from typing import Literal

from lab.content.causes import Causes

Closeness = Literal["exact", "parent", "symptom", "decoy", "none"]


def closeness(causes: Causes, said: str, truth: str) -> Closeness:
    """Whether what was said is the true cause, its family, a mere symptom, something else, or nothing at all."""
    if not said.strip():
        return "none"
    named = identify(causes, said)
    if named == truth:
        return "exact"
    parent = causes.parent_of(truth)
    if named is not None and parent is not None and named == parent.id:
        return "parent"
    entry = causes.get(named) if named is not None else None
    return "symptom" if entry is not None and entry.kind == "symptom" else "decoy"


def identify(causes: Causes, said: str) -> str | None:
    """The id that a text names, by id or by title, in any case, with spaces or dashes; None if it names no entry."""
    wanted = _folded(said)
    return next((cause.id for cause in causes if wanted in (_folded(cause.id), _folded(cause.title))), None)


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-")
