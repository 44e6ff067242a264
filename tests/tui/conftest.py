"""A clock that stands still unless moved, a fake lab, and waiting on conditions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from textual.events import Paste
from textual.message import Message
from textual.pilot import Pilot
from tui_fake import FakeBackend

from lab.tui.app import LabApp

DEADLINE_SECONDS = 15.0

M = TypeVar("M", bound=Message)


class Clock:
    """Unix seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


class Session:
    """A running app, what it heard, and how to wait for things."""

    def __init__(self, app: LabApp, pilot: Pilot[int], messages: list[Message]) -> None:
        self.app, self.pilot, self.messages = app, pilot, messages

    async def until(self, condition: Callable[[], object], every: float = 0.02) -> None:
        """Wait until the condition holds, looking every so many seconds; fails after the deadline."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < end, f"never came true; on screen:\n{self.text}"
            await asyncio.sleep(every)

    async def shows(self, *texts: str) -> None:
        """Wait until every text is on screen; drawing it to look costs, so this looks less often."""

        def there() -> bool:
            screen = self.text
            return all(text in screen for text in texts)

        await self.until(there, every=0.12)

    async def on(self, screen: type) -> None:
        """Wait until a screen of this type is on top; a dialog also has to have the keyboard."""

        def there() -> bool:
            top = self.app.screen
            return isinstance(top, screen) and top.is_mounted and (not top.is_modal or top.focused is not None)

        await self.until(there)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str, *keys: str) -> None:
        """Put text where the cursor is, as pasting does, then press the keys."""
        assert self.app.focused is not None
        self.app.post_message(Paste(text))
        await self.press(*keys)

    @property
    def text(self) -> str:
        """The screen as text, without blanks at line ends."""
        if not self.app.screen_stack:
            return ""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    def heard(self, kind: type[M]) -> list[M]:
        """Messages of a kind, each once however far it bubbled."""
        return list({id(message): message for message in self.messages if isinstance(message, kind)}.values())


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day on screen do not depend on where the tests run."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock, tmp_path: Path) -> FakeBackend:
    return FakeBackend(clock, tmp_path)


@pytest.fixture
def open_app(fake: FakeBackend, clock: Clock) -> Callable[..., object]:
    """Opens the app over the fake: `async with open_app(size=(80, 24)) as session`."""

    @asynccontextmanager
    async def opened(
        size: tuple[int, int] = (80, 24), editor: tuple[str, ...] = (), backend: FakeBackend | None = None
    ) -> AsyncIterator[Session]:
        messages: list[Message] = []
        app = LabApp(backend or fake, clock=clock, period=0.1, editor=editor)
        app.animation_level = "none"
        async with app.run_test(size=size, message_hook=messages.append) as pilot:
            yield Session(app, pilot, messages)

    return opened
