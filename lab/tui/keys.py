"""Every key of the UI, in one place; footer, help and docs are made from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Area = Literal["app", "start", "bring_up", "on_call", "console", "note", "debrief", "modal", "diagnose"]

AREA_TITLES: dict[Area, str] = {
    "app": "Everywhere",
    "start": "Start",
    "bring_up": "Bring-up",
    "on_call": "On call",
    "console": "Console",
    "note": "Incident note",
    "debrief": "Debrief",
    "modal": "Dialogs",
    "diagnose": "Diagnosis",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One binding: what is pressed, what it does, and how help says it."""

    id: str
    """`area.action`, the name under which a person may remap it."""
    keys: str
    """Comma-separated; the first is shown in the footer."""
    label: str
    """One or two words for the footer."""
    meaning: str
    """One sentence for help."""
    shown: bool = True
    """Whether the footer has it."""
    priority: bool = False
    """Whether it works even where the focused widget wants the key."""

    @property
    def action(self) -> str:
        """Textual action name, the second part of the id."""
        return self.id.partition(".")[2]


KEYS: dict[Area, tuple[Key, ...]] = {
    "start": (
        Key("start.open", "enter", "Start", "Start the chosen incident, graded, after one question.", priority=True),
        Key("start.bring_up", "u", "Bring up", "Bring the stack up without starting anything."),
        Key("start.last_debrief", "b", "Last debrief", "Open the debrief of the last graded run."),
        Key("start.reload", "r", "Reload", "Read the state of the stack again.", shown=False),
    ),
    "bring_up": (
        Key("bring_up.cancel", "escape", "Cancel", "Stop after the present step; once more goes back at once."),
        Key("bring_up.retry", "r", "Try again", "Try again after a failure."),
    ),
    "on_call": (
        Key("on_call.declare", "f2,d", "Declare", "Declare an incident: severity and one line of summary."),
        Key("on_call.diagnose", "f3,g", "Diagnose", "Say what it is: cause, component, change. The last one counts."),
        Key("on_call.hint", "f4,h", "Hint", "See what a hint costs, then take it or not."),
        Key("on_call.resolve", "f5,r", "Resolve", "Ask to end it: all is right again, or nothing was wrong."),
        Key("on_call.zoom", "f6,z", "Zoom", "Give one pane the whole width, and back: plots, changes, console."),
        Key("on_call.window", "f7,w", "Window", "Plots over the last 2, 5 or 15 minutes.", shown=False),
        Key("on_call.briefing", "f8,b", "Briefing", "Read the briefing again.", shown=False),
        Key("on_call.pane('plots')", "1", "Plots", "Show the plots.", shown=False),
        Key("on_call.pane('changes')", "2", "Changes", "What changed; Enter on a change diagnoses it.", shown=False),
        Key("on_call.pane('console')", "3", "Console pane", "Show the console.", shown=False),
        Key("on_call.console", "c,colon,slash", "Console", "Type a command."),
    ),
    "console": (
        Key("console.complete", "tab", "Complete", "Complete the word; what is possible is listed.", shown=False),
        Key("console.older", "up", "Older", "Earlier lines of your own.", shown=False),
        Key("console.newer", "down", "Newer", "Later lines of your own.", shown=False),
        Key("console.page(-1)", "pageup", "Back", "Scroll the output back.", shown=False),
        Key("console.page(1)", "pagedown", "Forth", "Scroll the output forth.", shown=False),
        Key("console.clear", "ctrl+l", "Clear", "Empty the output.", shown=False),
        Key("console.release", "escape", "Leave", "Leave the console; single letters are commands then.", shown=False),
    ),
    "note": (
        Key("note.save", "ctrl+s", "Save", "Save and check the note now.", priority=True),
        Key("note.edit", "f4", "Editor", "Open the note in $VISUAL or $EDITOR.", priority=True),
        Key("note.problems", "f3", "Problems", "Go to the list of problems; Enter jumps to the line."),
        Key("note.submit", "f5", "Submit", "Hand the note in; the run is graded then."),
    ),
    "debrief": (
        Key("debrief.pane", "tab", "Score/story", "Go between the score and the story.", priority=True),
        Key("debrief.done", "escape,enter", "Done", "Back to the start."),
    ),
    "modal": (
        Key("modal.cancel", "escape", "Cancel", "Close the dialog and change nothing."),
        Key("modal.accept", "ctrl+j,ctrl+s", "Accept", "Do it, from any field of the dialog.", shown=False),
    ),
    "diagnose": (
        Key("diagnose.down", "down", "Down", "From the search to the causes found.", shown=False),
    ),
    "app": (
        Key("app.help", "f1,question_mark", "Help", "This page."),
        Key("app.leave", "ctrl+q,f10", "Leave", "Leave the lab; a run goes on without you.", priority=True),
    ),
}  # fmt: skip
"""All bindings by the area in which they hold; help shows the areas in this order."""


def bindings(area: Area) -> list[BindingType]:
    """Textual bindings of an area."""
    return [
        Binding(
            key.keys,
            key.action,
            key.label,
            show=key.shown,
            key_display=pretty(key.keys.partition(",")[0]),
            priority=key.priority,
            tooltip=key.meaning,
            id=key.id,
        )
        for key in KEYS[area]
    ]


def pretty(keys: str) -> str:
    """Keys as people write them: `f2,d` -> `F2 or d`."""
    words = {"question_mark": "?", "colon": ":", "slash": "/", "escape": "Esc", "enter": "Enter", "tab": "Tab"}
    words |= {"up": "↑", "down": "↓", "pageup": "PgUp", "pagedown": "PgDn"}
    return " or ".join(words.get(key) or _one(key) for key in keys.split(","))


def _one(key: str) -> str:
    if key.startswith("ctrl+"):
        return f"^{key.removeprefix('ctrl+')}"
    return key.upper() if key[0] == "f" and key[1:].isdigit() else key
