"""Pictures of the UI without a terminal, for the README and for looking at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from lab.tui.app import LabApp
from lab.tui.backend import Backend


def export_svg(
    backend: Backend,
    path: Path,
    size: tuple[int, int],
    clock: Callable[[], float],
    keys: tuple[str, ...] = (),
    settle_seconds: float = 0.6,
    theme: str | None = None,
) -> Path:
    """
    Write what the UI shows as SVG, after pressing `keys`; `size` is columns and rows.

    Waits `settle_seconds` after the start and after each key, for calls to the lab to come back.
    """

    async def picture() -> str:
        app = LabApp(backend, clock=clock, period=0.2)
        if theme is not None:
            app.theme = theme
        async with app.run_test(size=size) as pilot:
            await pilot.pause(settle_seconds)
            for key in keys:
                await pilot.press(key)
                await pilot.pause(settle_seconds / 3)
            await pilot.pause(settle_seconds)
            return app.export_screenshot()

    path.write_text(asyncio.run(picture()))
    return path
