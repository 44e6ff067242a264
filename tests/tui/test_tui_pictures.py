"""
Whole screens as text, few on purpose; `LAB_UPDATE_SCREENS=1 pytest tests/tui/test_tui_pictures.py` writes them anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tui_fake import FakeBackend

from lab.tui.screenshot import export_svg

Open = Callable[..., Any]
FOLDER = Path(__file__).parent / "screens"


def compare(name: str, text: str) -> None:
    """The text equals the baseline."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("LAB_UPDATE_SCREENS"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    assert text + "\n" == path.read_text()


@pytest.mark.parametrize(("name", "size"), [("oncall-120x40", (120, 40)), ("oncall-80x24", (80, 24))])
async def test_on_call(fake: FakeBackend, open_app: Open, name: str, size: tuple[int, int]) -> None:
    fake.begin()
    async with open_app(size=size) as session:
        await session.shows("GoodShareBurn", "✗ good < 98 %")
        await session.press("escape", "1")
        await session.shows("0.142", "92.9 %", "39.8/s", "c Console")
        compare(name, session.text)


async def test_start_at_80_by_24(open_app: Open) -> None:
    async with open_app(size=(80, 24)) as session:
        await session.shows("not yet graded", "Since this morning", "u Bring up")
        compare("start-80x24", session.text)


def test_a_picture_can_be_made_without_a_terminal(fake: FakeBackend, tmp_path: Path) -> None:
    path = export_svg(fake, tmp_path / "start.svg", (80, 24), clock=fake.clock, settle_seconds=0.1)
    assert path.read_text().startswith("<svg")
