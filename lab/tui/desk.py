"""What every screen is handed: the lab behind it, a clock, and how often to look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.tui.backend import Backend


@dataclass(frozen=True, slots=True)
class Desk:
    """The surroundings of a screen."""

    backend: Backend
    clock: Callable[[], float]
    """Unix seconds."""
    period: float = 1.0
    """Seconds between polls."""
    editor: tuple[str, ...] = ()
    """Command of the person's editor, without the file; empty where none is set."""
