"""Leaving is quick from anywhere, keeps the run, and a closed terminal is a way of leaving."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tui_fake import FakeBackend

from lab.tui.app import LeaveQuestion, editor_of
from lab.tui.modals.confirm import Confirm
from lab.tui.modals.declare import Declare
from lab.tui.screens.oncall import OnCallScreen
from lab.tui.screens.start import StartScreen

Open = Callable[..., Any]
ROOT = Path(__file__).parents[2]


async def test_leaving_says_that_the_run_goes_on_and_coming_back_finds_it(fake: FakeBackend, open_app: Open) -> None:
    fake.begin()
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("ctrl+q")
        await session.on(LeaveQuestion)
        await session.shows("The run goes on without you", "`lab` brings you")
        await session.press("enter")
        await session.until(lambda: not session.app.is_running)
    assert session.app.return_code == 0
    assert not fake.called("abort")
    async with open_app() as again:
        await again.on(OnCallScreen)
        await again.shows("hangs now and then")


async def test_asking_twice_leaves_also_from_a_dialog(fake: FakeBackend, open_app: Open) -> None:
    fake.begin()
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("f2")
        await session.on(Declare)
        await session.press("ctrl+q")
        await session.on(LeaveQuestion)
        await session.press("ctrl+q")
        await session.until(lambda: not session.app.is_running)


async def test_without_a_run_leaving_asks_nothing(open_app: Open) -> None:
    async with open_app() as session:
        await session.on(StartScreen)
        await session.press("ctrl+q")
        await session.until(lambda: not session.app.is_running)


async def test_ending_the_run_is_asked_twice(fake: FakeBackend, open_app: Open) -> None:
    fake.begin()
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("ctrl+q", "tab", "enter")
        await session.until(lambda: type(session.app.screen) is Confirm)
        await session.shows("It is not scored")
        assert not fake.called("abort")
        await session.press("enter")
        await session.shows("The run was ended")
        await session.press("enter")
        await session.on(StartScreen)
        assert fake.called("abort") == [()]


async def test_calls_that_never_come_back_do_not_hold_up_leaving(fake: FakeBackend, open_app: Open) -> None:
    fake.begin()
    never = threading.Event()
    fake.gates = dict.fromkeys(("plots", "alerts", "console"), never)
    async with open_app() as session:
        await session.on(OnCallScreen)
        await session.press("x", "enter")
        await session.until(lambda: fake.called("console"))
        session.app.exit(0)
        await session.until(lambda: not session.app.is_running)
    never.set()


def test_the_editor_comes_from_the_environment_it_is_given() -> None:
    assert editor_of({"VISUAL": "code --wait", "EDITOR": "vi"}) == ("code", "--wait")
    assert editor_of({"EDITOR": "vi"}) == ("vi",)
    assert editor_of({}) == ()


def run_in_terminal(*arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the app over the fake in a terminal of its own; returns the process and the near end of the terminal."""
    near, far = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.tui.tui_fake", *arguments],
        cwd=ROOT, stdin=far, stdout=far, stderr=far, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"},
    )  # fmt: skip
    os.close(far)
    return process, near


def read_until(near: int, wanted: bytes, deadline: float = 30.0) -> bytes:
    """Read the terminal until it has said this."""
    seen, end = b"", time.monotonic() + deadline
    while wanted not in seen:
        assert time.monotonic() < end, seen[-2000:]
        if select.select([near], [], [], 0.2)[0]:
            try:
                seen += os.read(near, 65536)
            except OSError:
                break
    return seen


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM"])
def test_signals_close_the_app_cleanly(name: str) -> None:
    process, near = run_in_terminal("--phase", "on_call", "--since", "100", "--stuck")
    drain = threading.Thread(target=_drain, args=(near,), daemon=True)
    try:
        read_until(near, b"GoodShareBurn")
        drain.start()
        process.send_signal(getattr(signal, name))
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(near)


def _drain(near: int) -> None:
    """A terminal that nobody reads would block the app; stop when it is closed."""
    while True:
        try:
            if not os.read(near, 65536):
                return
        except OSError:
            return
