"""The start screen, bringing the stack up, and finding a run that is going."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from tui_fake import FakeBackend

from lab.errors import MissingError
from lab.keeper.view import RunView
from lab.tui.messages import RunMoved, StepBegun
from lab.tui.modals.confirm import Confirm
from lab.tui.modals.notice import Notice
from lab.tui.screens.bringup import BringUpScreen
from lab.tui.screens.debrief import DebriefScreen
from lab.tui.screens.moves import end_notice
from lab.tui.screens.note import NoteScreen
from lab.tui.screens.oncall import OnCallScreen
from lab.tui.screens.start import StartScreen

Open = Callable[..., Any]


async def test_scenarios_are_listed_by_symptom_with_level_minutes_and_best(open_app: Open) -> None:
    async with open_app() as session:
        await session.shows('Travel desks say the score "hangs now and then"', "12 min", "not yet graded", "best 88")
        await session.shows("○ down", "embedded", "Since this morning")
        assert "bad-deploy" not in session.text


async def test_enter_asks_once_and_starts_graded(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.shows("best 88")
        await session.press("down", "enter")
        await session.on(Confirm)
        assert not fake.called("start")
        await session.press("enter")
        await session.on(OnCallScreen)
        assert fake.called("start") == [("answers-stop-at-noon", None, "graded")]
        assert [message.text for message in session.heard(StepBegun)][:2] == [
            "Checking this machine",
            "Starting the cluster",
        ]


async def test_escape_starts_nothing(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.shows("best 88")
        await session.press("enter")
        await session.on(Confirm)
        await session.press("escape")
        await session.on(StartScreen)
        assert not fake.called("start")


async def test_bring_up_alone_comes_back_to_the_start(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.shows("○ down")
        await session.press("u")
        await session.shows("● up", "http://127.0.0.1:9090")
        assert fake.called("up") == [()]


async def test_a_failed_bring_up_says_what_to_do_and_can_be_tried_again(fake: FakeBackend, open_app: Open) -> None:
    fake.failures["up"] = MissingError("Prometheus is missing", "Not on PATH.", "lab prefetch brings it.")
    async with open_app() as session:
        await session.shows("○ down")
        await session.press("u")
        await session.shows("✗ Prometheus is missing", "Not on PATH.", "→ lab prefetch brings it.")
        del fake.failures["up"]
        await session.press("r")
        await session.shows("● up")


async def test_an_unexpected_error_is_worded_and_no_traceback(
    fake: FakeBackend, open_app: Open, caplog: pytest.LogCaptureFixture
) -> None:
    fake.failures["up"] = ZeroDivisionError("oh")
    async with open_app() as session:
        await session.shows("○ down")
        await session.press("u")
        await session.shows("Something in the lab itself went wrong", "ZeroDivisionError: oh", "lab doctor")
        assert "Traceback" not in session.text
    assert "unexpected error" in caplog.text


async def test_cancel_stops_at_the_next_step(fake: FakeBackend, open_app: Open) -> None:
    step = threading.Event()
    fake._pause = lambda: step.wait(30)
    async with open_app() as session:
        await session.shows("○ down")
        await session.press("u")
        await session.shows("Checking this machine")
        await session.press("escape")
        await session.shows("stopping after this step")
        step.set()
        await session.on(StartScreen)
        assert [message.text for message in session.heard(StepBegun)] == ["Checking this machine"]
        assert not fake.is_up


async def test_cancelling_twice_does_not_wait_for_the_step(fake: FakeBackend, open_app: Open) -> None:
    fake.gates["up"] = threading.Event()
    async with open_app() as session:
        await session.shows("○ down")
        await session.press("u")
        await session.on(BringUpScreen)
        await session.press("escape", "escape")
        await session.on(StartScreen)
    fake.gates["up"].set()


@pytest.mark.parametrize(
    ("phase", "screen"), [("preparing", OnCallScreen), ("on_call", OnCallScreen), ("writing", NoteScreen)]
)
async def test_a_run_that_is_going_is_found(fake: FakeBackend, open_app: Open, phase: Any, screen: type) -> None:
    fake.begin(phase)
    async with open_app() as session:
        await session.on(screen)


async def test_the_last_debrief_can_be_opened_again(fake: FakeBackend, open_app: Open) -> None:
    fake.begin("graded")
    async with open_app() as session:
        await session.shows("Last debrief")
        await session.press("b")
        await session.on(DebriefScreen)
        await session.press("escape")
        await session.on(StartScreen)


async def test_no_answer_is_said_in_place_and_reload_mends_it(fake: FakeBackend, open_app: Open) -> None:
    fake.failures["status"] = MissingError("No state folder", "It cannot be read.", "Check its rights.")
    async with open_app() as session:
        await session.shows("✗ No state folder", "Check its rights.")
        del fake.failures["status"]
        await session.press("r")
        await session.shows("best 88")


async def test_a_void_run_is_told_at_the_start(fake: FakeBackend, open_app: Open) -> None:
    fake.begin()
    async with open_app() as session:
        await session.on(OnCallScreen)
        assert isinstance(fake.run, RunView)
        fake.run = fake.run.model_copy(update={"phase": "void", "phase_reason": "The machine slept for 40 s."})
        await session.on(Notice)
        await session.shows("The machine slept for 40 s.")
        await session.press("enter")
        await session.on(StartScreen)
        assert session.heard(RunMoved)


def test_every_end_that_is_not_graded_has_words(fake: FakeBackend) -> None:
    view = fake.begin()
    titles = [
        end_notice(view.model_copy(update={"phase": phase})) for phase in ("writing", "void", "prevented", "aborted")
    ]
    assert [notice.title if notice else None for notice in [*titles, end_notice(None), end_notice(view)]] == [
        "Now write the note",
        "This run is void",
        "Prevented",
        "The run was ended",
        "The run is gone",
        None,
    ]
