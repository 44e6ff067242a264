"""Keys are declared once; footer and help agree with what the screens can do."""

from __future__ import annotations

from collections.abc import Callable

from lab.tui.app import LabApp
from lab.tui.keys import AREA_TITLES, KEYS, Area
from lab.tui.modals.base import Dialog
from lab.tui.modals.diagnose import Diagnose
from lab.tui.modals.help import Help, help_page
from lab.tui.screens.bringup import BringUpScreen
from lab.tui.screens.debrief import DebriefScreen
from lab.tui.screens.note import NoteScreen
from lab.tui.screens.oncall import OnCallScreen
from lab.tui.screens.start import StartScreen
from lab.tui.widgets.console import Console

OWNERS: dict[Area, type] = {
    "app": LabApp,
    "start": StartScreen,
    "bring_up": BringUpScreen,
    "on_call": OnCallScreen,
    "console": Console,
    "note": NoteScreen,
    "debrief": DebriefScreen,
    "modal": Dialog,
    "diagnose": Diagnose,
}


def test_every_key_has_an_action_where_it_holds() -> None:
    assert OWNERS.keys() == KEYS.keys() == AREA_TITLES.keys()
    for area, keys in KEYS.items():
        for key in keys:
            assert key.id.startswith(f"{area}.")
            assert hasattr(OWNERS[area], f"action_{key.action.partition('(')[0]}"), key.id


def test_ids_are_unique_and_no_area_binds_a_key_twice() -> None:
    ids = [key.id for keys in KEYS.values() for key in keys]
    assert len(ids) == len(set(ids))
    for keys in KEYS.values():
        pressed = [one for key in keys for one in key.keys.split(",")]
        assert len(pressed) == len(set(pressed))


def test_help_says_every_key_of_its_areas() -> None:
    page = help_page(("on_call", "app")).plain
    for key in (*KEYS["on_call"], *KEYS["app"]):
        assert key.meaning in page
    assert "F2 or d" in page


async def test_the_footer_fits_eighty_columns(fake: object, open_app: Callable[..., object]) -> None:
    fake.begin()
    async with open_app(size=(80, 24)) as session:
        await session.on(OnCallScreen)
        await session.shows("F2 Declare", "F5 Resolve", "^q Leave", "F1 Help")
        await session.press("f1")
        await session.on(Help)
        await session.shows("On call", "Say what it is")
        await session.press("escape")
        await session.on(OnCallScreen)
