"""What changed: the newest first, whoever did it."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from lab.keeper.view import ChangeView
from lab.tui import form
from lab.tui.messages import ChangePicked


def change_lines(change: ChangeView, now: float) -> Content:
    """Two lines: how long ago, where and what; then the time, the id, who, and the message."""
    head = Content.assemble(
        (f"{form.age(now - change.at):>8}  ", "$muted"),
        (change.component, "bold $accent"),
        "  ",
        change.what.replace(" -> ", " → "),
    )
    message = change.message or "in the cluster, no commit"
    tail = Content.styled(f"{form.time_of_day(change.at)}  {change.id}  {change.who}: {message}", "$muted")
    return Content("\n").join([head, tail])


class Changes(OptionList):
    """The list of changes; Enter picks one."""

    DEFAULT_CSS = """
    Changes { border: round $border; border-title-color: $muted; background: $background; height: 1fr;
              padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Changes:focus { background-tint: $foreground 0%; border: round $accent; border-title-color: $accent; }
    """

    def __init__(self) -> None:
        super().__init__(id="changes", markup=False)
        self.border_title = "what changed"
        self._changes: tuple[ChangeView, ...] = ()
        self._second = 0
        """Unix second for which the ages are shown."""

    def show(self, changes: tuple[ChangeView, ...], now: float) -> None:
        """Show the changes with their ages; the list is made anew only when there are others."""
        newest_first = tuple(sorted(changes, key=lambda change: change.at, reverse=True))
        if newest_first == self._changes and self.option_count and int(now) == self._second:
            return
        self._second = int(now)
        prompts = [change_lines(change, now) for change in newest_first]
        if newest_first == self._changes and self.option_count:
            for index, prompt in enumerate(prompts):
                self.replace_option_prompt_at_index(index, prompt)
            return
        kept = self._changes[self.highlighted] if self.highlighted is not None and self._changes else None
        self._changes = newest_first
        self.clear_options()
        self.add_options(prompts or [Option(Content.styled("nothing yet", "$muted"), disabled=True)])
        if kept in newest_first:
            self.highlighted = newest_first.index(kept)
        self.border_title = f"what changed ({len(newest_first)})"

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Say which change was picked."""
        event.stop()
        if self._changes:
            self.post_message(ChangePicked(self._changes[event.option_index].id))
