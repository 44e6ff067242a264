"""The operator's console: a line to type in, and what came back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Input, RichLog, Static

from lab.tui.backend import ConsoleResult
from lab.tui.keys import bindings
from lab.tui.messages import CompletionAsked, LineEntered

_KEPT = 500
"""Answers kept, to be wrapped anew when the pane changes its width."""


class Console(Vertical):
    """Posts `LineEntered` and `CompletionAsked`; keeps its own history."""

    DEFAULT_CSS = """
    Console { border: round $border; border-title-color: $muted; height: 1fr; width: 1fr; padding: 0 1; }
    Console:focus-within { border: round $accent; border-title-color: $accent; }
    Console RichLog { height: 1fr; background: $background; scrollbar-size-vertical: 1; }
    Console #words { height: auto; max-height: 2; color: $muted; display: none; }
    Console #prompt-row { height: 1; }
    Console #prompt { width: 2; color: $accent; text-style: bold; }
    Console.-busy #prompt { color: $warning; }
    Console Input, Console Input:focus { border: none; height: 1; padding: 0; background: $background; }
    Console > .console--line { color: $accent; text-style: bold; }
    Console > .console--bad { color: $error; text-style: bold; }
    Console > .console--changed { color: $warning; text-style: bold; }
    Console > .console--told { color: $muted; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"console--line", "console--bad", "console--changed", "console--told"}
    BINDINGS = bindings("console")

    def __init__(self) -> None:
        super().__init__(id="console")
        self.border_title = "console"
        self._history: list[str] = []
        self._older = 0
        """How many lines back in the history the input is."""
        self._draft = ""
        self._completed: str | None = None
        """The line for which completions are shown."""
        self._written: deque[Text] = deque(maxlen=_KEPT)
        self._width = 0

    def compose(self) -> ComposeResult:
        """Output over the prompt."""
        yield RichLog(wrap=True, markup=False, highlight=False, max_lines=_KEPT * 4, min_width=20)
        yield Static("", id="words", markup=False)
        with Horizontal(id="prompt-row"):
            yield Static(">", id="prompt", markup=False)
            yield Input(placeholder="help lists the verbs", select_on_focus=False)

    def on_mount(self) -> None:
        """The output takes no focus: the keys for it are here."""
        self.query_one(RichLog).can_focus = False

    @property
    def input(self) -> Input:
        """The line being typed."""
        return self.query_one(Input)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"console--{name}", partial=True)

    def say(self, text: str) -> None:
        """Write narration to the output."""
        self._write(Text(text, style=self._style("told")))

    def _write(self, text: Text) -> None:
        self._written.append(text)
        self.query_one(RichLog).write(text)

    def on_resize(self, event: Resize) -> None:
        """Wrap the output for the new width."""
        if event.size.width not in (0, self._width):
            if self._width:
                log = self.query_one(RichLog)
                log.clear()
                for text in self._written:
                    log.write(text, width=event.size.width - 2)
            self._width = event.size.width

    def answer(self, result: ConsoleResult) -> None:
        """Write what a line gave; a failure has a mark, a change says that it was one."""
        self.remove_class("-busy")
        text = Text.from_ansi(result.text.rstrip("\n"))
        if not result.ok:
            text = Text.assemble(("✗ ", self._style("bad")), text)
        if text.plain:
            self._write(text)
        if result.changed:
            self._write(Text("● this changed the stack", style=self._style("changed")))

    def failed(self, text: str) -> None:
        """Write that no answer came."""
        self.answer(ConsoleResult(text, ok=False, changed=False))

    def offer(self, line: str, words: Sequence[str]) -> None:
        """Complete the line as far as the words agree, and list them if there are several."""
        if line != self.input.value:
            return
        head, _, last = line.rpartition(" ")
        common = _common_start(words)
        if len(words) == 1:
            common = f"{words[0]} "
        self._completed = line
        if len(common) > len(last):
            self.input.value = f"{head} {common}" if head else common
            self.input.cursor_position = len(self.input.value)
            self._completed = self.input.value
        shown = self.query_one("#words", Static)
        shown.update(Content("  ".join(words)))
        shown.display = len(words) > 1

    def on_input_changed(self) -> None:
        """A line changed by typing no longer has the old completions."""
        if self.input.value != self._completed:
            self.query_one("#words", Static).display = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the line on and remember it."""
        event.stop()
        line = event.value.strip()
        self.input.value = ""
        self._older, self._draft = 0, ""
        if not line:
            return
        if not self._history or self._history[-1] != line:
            self._history.append(line)
        self._write(Text.assemble(("> ", self._style("line")), (line, "bold")))
        self.add_class("-busy")
        self.post_message(LineEntered(line))

    def action_complete(self) -> None:
        """Ask for completions of the line."""
        if self.input.value:
            self.post_message(CompletionAsked(self.input.value))
        else:
            self.screen.focus_next()

    def action_older(self) -> None:
        """One line back in the history."""
        if self._older < len(self._history):
            if self._older == 0:
                self._draft = self.input.value
            self._older += 1
            self._recall()

    def action_newer(self) -> None:
        """One line forth, at the end the line that was being typed."""
        if self._older > 0:
            self._older -= 1
            self._recall()

    def _recall(self) -> None:
        self.input.value = self._history[-self._older] if self._older else self._draft
        self.input.cursor_position = len(self.input.value)

    def action_page(self, direction: int) -> None:
        """Scroll the output by a page."""
        log = self.query_one(RichLog)
        (log.scroll_page_down if direction > 0 else log.scroll_page_up)(animate=False)

    def action_clear(self) -> None:
        """Empty the output."""
        self._written.clear()
        self.query_one(RichLog).clear()

    def action_release(self) -> None:
        """Give the keyboard back to the screen."""
        self.screen.set_focus(None)


def _common_start(words: Sequence[str]) -> str:
    """The letters with which all words begin."""
    columns = takewhile(lambda letters: len(set(letters)) == 1, zip(*words, strict=False))
    return "".join(letters[0] for letters in columns)
