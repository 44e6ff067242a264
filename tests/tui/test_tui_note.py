"""Writing the note, handing it in, and the debrief."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from tui_fake import FakeBackend

from lab.errors import LabError
from lab.tui.messages import NoteGraded, NoteSaved
from lab.tui.modals.confirm import Confirm
from lab.tui.modals.notice import Notice
from lab.tui.screens.debrief import DebriefScreen
from lab.tui.screens.start import StartScreen

Open = Callable[..., Any]


@pytest.fixture(autouse=True)
def writing(fake: FakeBackend) -> None:
    fake.begin("writing")


async def test_problems_are_listed_and_enter_goes_to_the_line(open_app: Open) -> None:
    async with open_app() as session:
        await session.shows("WRITING", "incident: hangs-now-and-then", "to do (8)", "✗ severity  line 3", "✓ saved")
        await session.press("f3", "down", "enter")
        area = session.app.screen.area
        assert area.cursor_location == (3, 0)
        assert area.has_focus


async def test_typing_saves_when_it_pauses(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.shows("✓ saved")
        saves = len(fake.called("save_note"))
        await session.press("f3", "enter", "end")
        await session.type(" SEV2")
        await session.shows("● not saved")
        await session.shows("to do (7)", "✓ saved")
        assert len(fake.called("save_note")) == saves + 1
        assert "severity: SEV2\n" in fake.called("save_note")[-1][0]


async def test_control_s_saves_now(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.shows("✓ saved")
        await session.press("x", "ctrl+s")
        await session.until(lambda: len(session.heard(NoteSaved)) >= 2)
        assert fake.called("save_note")[-1][0].startswith("x---")


async def test_a_failed_save_is_said_and_the_text_stays(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.shows("✓ saved")
        fake.failures["save_note"] = LabError("The note was not written", "Disk full.", "Free some space.")
        await session.press("y", "ctrl+s")
        await session.on(Notice)
        await session.shows("Disk full.", "Free some space.")
        await session.press("escape")
        await session.shows("✗ not saved", "y---")


async def test_submit_asks_once_and_shows_the_debrief(fake: FakeBackend, open_app: Open) -> None:
    async with open_app(size=(120, 40)) as session:
        await session.shows("✓ saved")
        await session.press("f5")
        await session.on(Confirm)
        await session.shows("lacks 8 things", "cannot be changed")
        await session.press("enter")
        await session.on(DebriefScreen)
        assert len(session.heard(NoteGraded)) == 1
        await session.shows("✔ PASSED", "operating 92/100", "explaining 84/100")
        await session.shows("mitigate", "29.5/35", "17.5 of 23 for time", "What happened")
        await session.press("escape")
        await session.on(StartScreen)
        assert len(fake.called("submit_note")) == 1


async def test_on_a_narrow_screen_tab_goes_between_score_and_story(fake: FakeBackend, open_app: Open) -> None:
    fake.begin("graded")
    async with open_app(size=(80, 24)) as session:
        await session.shows("Last debrief")
        await session.press("b")
        await session.shows("score, line by line", "25/25")
        assert "Priya" not in session.text
        await session.press("tab")
        await session.shows("Priya's release")
        assert "25/25" not in session.text


async def test_a_missing_story_leaves_the_scores(fake: FakeBackend, open_app: Open) -> None:
    fake.begin("graded")
    fake.failures["debrief"] = LabError("No debrief", "The scenario has none.", "See the bundle.")
    async with open_app(size=(120, 40)) as session:
        await session.shows("Last debrief")
        await session.press("b")
        await session.shows("No debrief", "The scenario has none.", "25/25")


async def test_an_editor_that_cannot_be_opened_is_said(open_app: Open) -> None:
    async with open_app() as session:
        await session.shows("✓ saved")
        await session.press("f4")
        await session.shows("Neither VISUAL nor EDITOR is set.")
    async with open_app(editor=(sys.executable, "-c", "pass")) as session:
        await session.shows("✓ saved")
        await session.press("f4")
        await session.shows("This terminal cannot step aside.")
