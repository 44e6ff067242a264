"""Near misses: which known name an unknown one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or that contains it, or None; case is ignored."""
    wanted = name.lower()
    by_lower = {item.lower(): item for item in sorted(known, reverse=True)}
    matches = get_close_matches(wanted, sorted(by_lower), n=1, cutoff=0.5)
    if not matches and len(wanted) >= 3:
        matches = sorted((item for item in by_lower if wanted in item), key=lambda item: (len(item), item))
    return by_lower[matches[0]] if matches else None


def suggestion(name: str, known: Iterable[str], most: int = 12) -> str:
    """What to do about an unknown name: the nearest known one, else the known ones, sorted."""
    names = sorted(set(known))
    if (near := nearest_name(name, names)) is not None:
        return f"did you mean `{near}`?"
    if not names:
        return "remove it; nothing is known here"
    shown = ", ".join(f"`{item}`" for item in names[:most])
    return f"use one of {shown}" + (f" and {len(names) - most} more" if len(names) > most else "")
