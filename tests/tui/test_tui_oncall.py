"""On call: what is seen at once, and each of the learner's verbs from key to call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Clock
from tui_fake import UNDO, FakeBackend
from tui_story import TITLE

from lab.errors import LabError, RunError
from lab.keeper.view import HintView
from lab.tui.messages import ConsoleAnswered, PlotsRead, StateRead, VerbDone
from lab.tui.modals.confirm import Confirm
from lab.tui.modals.declare import Declare
from lab.tui.modals.diagnose import Diagnose
from lab.tui.modals.notice import Notice
from lab.tui.modals.resolve import Resolve
from lab.tui.screens.note import NoteScreen
from lab.tui.screens.oncall import OnCallScreen
from lab.tui.widgets.changes import Changes
from lab.tui.widgets.console import Console
from lab.tui.widgets.pager import Alerts, GoodShare
from lab.tui.widgets.plots import Plots

Open = Callable[..., Any]


@pytest.fixture(autouse=True)
def going(fake: FakeBackend) -> None:
    fake.begin()


async def test_the_breach_is_seen_at_once(open_app: Open) -> None:
    async with open_app(size=(120, 40)) as session:
        await session.shows(
            "ON CALL", TITLE, "02:30 in", "09:30 left", "▲ FIRING GoodShareBurn  1m36s", "✗ good < 98 %"
        )
        await session.shows("latency p99", "✗ 1.2 s", "live quality", "no diagnosis", "priya: Stricter input")
        assert session.app.screen.query_one(GoodShare).has_class("-bad")
        assert session.app.screen.query_one(Alerts).firing == 1
        assert session.heard(StateRead)
        assert session.heard(PlotsRead)


async def test_before_the_breach_all_is_well(fake: FakeBackend, open_app: Open) -> None:
    fake.begin(since=30)
    async with open_app() as session:
        await session.shows("✓ no alert", "✓ good ≥ 98 %")
        assert session.app.screen.query_one(GoodShare).has_class("-good")


async def test_plots_are_redrawn_only_when_something_changed(clock: Clock, open_app: Open) -> None:
    async with open_app(size=(120, 40)) as session:
        await session.on(OnCallScreen)
        plots = session.app.screen.query_one(Plots)
        await session.until(lambda: plots.drawn == 6)
        polls = len(session.heard(PlotsRead))
        await session.until(lambda: len(session.heard(PlotsRead)) > polls + 3)
        assert plots.drawn == 6
        clock.now += 2
        await session.until(lambda: plots.drawn == 12)


async def test_declare(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("f2")
        await session.on(Declare)
        await session.press("down", "enter", "enter")
        await session.shows("Say in one line what users see")
        await session.type("slow scores", "enter")
        await session.shows("◆ DECLARED SEV3")
        assert fake.called("declare") == [("SEV3", "slow scores")]
        await session.press("f2")
        await session.on(Notice)
        await session.shows("Already declared", "slow scores")


async def test_diagnose_by_search(fake: FakeBackend, open_app: Open) -> None:
    async with open_app(size=(120, 40)) as session:
        await session.on(OnCallScreen)
        await session.press("f3")
        await session.on(Diagnose)
        await session.type("slow req")
        await session.shows("release-slow-path", "takes a slow path for part", "→ release-slow-path · feed · no change")
        await session.press("enter", "down", "down", "enter", "down", "enter")
        await session.shows("→ release-slow-path · model-server · 3fa2b1c")
        await session.press("enter")
        await session.until(lambda: fake.called("diagnose"))
        assert fake.called("diagnose") == [("release-slow-path", "model-server", "3fa2b1c")]
        await session.shows("◆ release-slow-path model-server")
        await session.press("f3")
        await session.shows("→ release-slow-path · model-server · 3fa2b1c")


async def test_a_search_that_finds_nothing_cannot_be_diagnosed(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("f3")
        await session.on(Diagnose)
        await session.type("zzz", "ctrl+s")
        await session.shows("no cause has all these words")
        assert isinstance(session.app.screen, Diagnose)
        assert not fake.called("diagnose")


async def test_enter_on_a_change_begins_a_diagnosis_with_it(open_app: Open) -> None:
    async with open_app(size=(120, 40)) as session:
        await session.shows("priya")
        await session.press("escape", "2")
        await session.until(lambda: isinstance(session.app.focused, Changes))
        await session.press("down", "enter")
        await session.on(Diagnose)
        await session.shows("· model-server · 3fa2b1c")


async def test_a_hint_shows_its_cost_first(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("f4")
        await session.on(Confirm)
        await session.shows("3 points")
        assert not fake.called("hint")
        await session.press("enter")
        await session.on(Notice)
        await session.shows("Look at the other end.")
        await session.press("enter")
        await session.shows("◆ hints 1, none on offer")


async def test_without_a_hint_on_offer_nothing_is_asked(fake: FakeBackend, open_app: Open) -> None:
    assert fake.run is not None
    fake.run = fake.run.model_copy(update={"hints": HintView(next_cost=None, taken=())})
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("f4")
        await session.shows("No hint is on offer just now.")


async def test_a_refused_resolve_gives_the_reasons(open_app: Open) -> None:
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("f5")
        await session.on(Resolve)
        await session.press("enter")
        await session.on(Notice)
        await session.shows("Not resolved yet", "93.1 %, must be > 98 %", "cost nothing")
        await session.press("enter")
        await session.shows("✗ not yet: good_share")


async def test_undo_and_resolve_lead_to_the_note(fake: FakeBackend, clock: Clock, open_app: Open) -> None:
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.type(UNDO, "enter")
        await session.shows("rolled back", "● this changed the stack")
        clock.now += 40
        await session.shows("✓ good ≥ 98 %", "✓ no alert")
        await session.press("f5", "enter")
        await session.shows("Now write the note", "every objective held")
        await session.press("enter")
        await session.on(NoteScreen)


async def test_nothing_is_wrong_needs_a_reason(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("f5")
        await session.on(Resolve)
        await session.press("down", "enter", "enter")
        await session.shows("Say why")
        assert not fake.called("resolve")
        await session.type("flaps", "enter")
        await session.until(lambda: fake.called("resolve"))
        assert fake.called("resolve") == [(True, "flaps")]


async def test_one_can_hand_over_without_a_fix(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("f5")
        await session.on(Resolve)
        await session.press("down", "down", "enter")
        await session.until(lambda: fake.called("give_up"))
        assert not fake.called("resolve")


async def test_a_refused_verb_is_a_notice_and_the_run_goes_on(fake: FakeBackend, open_app: Open) -> None:
    fake.failures["declare"] = RunError("Not now", "The gate is not passed.", "Wait a little.")
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("f2")
        await session.on(Declare)
        await session.press("enter", "x", "enter")
        await session.on(Notice)
        await session.shows("Not now", "The gate is not passed.", "→ Wait a little.")
        await session.press("escape")
        await session.on(OnCallScreen)
        assert not session.heard(VerbDone)


async def test_verbs_wait_for_the_gate(fake: FakeBackend, open_app: Open) -> None:
    fake.begin("preparing")
    async with open_app() as session:
        await session.shows("PREPARING")
        await session.press("f2")
        await session.shows("Not on call yet")


async def test_silence_of_the_lab_is_said_and_passes(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.shows("09:30 left")
        fake.failures["view"] = LabError("The keeper is silent", "No reply.", "`lab status` says more.")
        await session.shows("no answer from the lab", "The keeper is silent")
        assert isinstance(session.app.screen, OnCallScreen)
        del fake.failures["view"]
        await session.shows("09:30 left")


async def test_the_console_runs_lines_and_keeps_them(fake: FakeBackend, open_app: Open) -> None:
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.type("get pods", "enter")
        await session.shows("gateway-7d8f9b6c5-lq7zr")
        await session.type("nonsense", "enter")
        await session.shows("✗ no verb 'nonsense'")
        assert [answer.result.ok for answer in session.heard(ConsoleAnswered)] == [True, False]
        line = session.app.screen.query_one(Console).input
        await session.press("up", "up")
        assert line.value == "get pods"
        await session.press("down", "down")
        assert line.value == ""
        fake.failures["console"] = LabError("No cluster", "It is gone.", "lab up")
        await session.type("help", "enter")
        await session.shows("No cluster: It is gone.", "→ lab up")


async def test_tab_completes_as_far_as_words_agree(open_app: Open) -> None:
    async with open_app() as session:
        await session.on(OnCallScreen)
        line = session.app.screen.query_one(Console).input
        await session.type("roll", "tab")
        await session.until(lambda: line.value == "rollout ")
        await session.type("undo d", "tab")
        await session.until(lambda: line.value == "rollout undo deployment/")
        await session.shows("deployment/feed  deployment/gateway")
        await session.press("m", "tab")
        await session.until(lambda: "deployment/monitor" in session.text and "deployment/feed" not in session.text)
        assert line.value == "rollout undo deployment/mo"


async def test_letters_are_commands_outside_the_console(open_app: Open) -> None:
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("d")
        assert isinstance(session.app.screen, OnCallScreen)
        await session.press("backspace", "escape", "d")
        await session.on(Declare)
        await session.press("escape", "colon")
        assert session.app.focused is session.app.screen.query_one(Console).input


async def test_below_a_dialog_the_picture_stays_live_and_is_drawn_seldom(clock: Clock, open_app: Open) -> None:
    async with open_app() as session:
        await session.shows("02:30 in")
        await session.press("f2")
        await session.on(Declare)
        assert not session.app.place.is_current
        clock.now += 10
        await session.shows("02:40 in", "Declare an incident")
