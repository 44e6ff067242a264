"""Writing the incident note: text, what its form still lacks, and handing it in."""

from __future__ import annotations

import subprocess

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.containers import Horizontal
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Footer, OptionList, TextArea
from textual.widgets.option_list import Option

from lab.errors import LabError, Problem
from lab.keeper.view import RunView
from lab.tui import form
from lab.tui.desk import Desk
from lab.tui.keys import bindings
from lab.tui.messages import CallFailed, NoteGraded, NoteRead, NoteSaved, RunMoved
from lab.tui.modals.confirm import Confirm
from lab.tui.screens.base import LabScreen
from lab.tui.threads import as_lab_error, call
from lab.tui.widgets.topbar import TopBar

_DEBOUNCE_SECONDS = 0.7


class NoteScreen(LabScreen):
    """A plain editor; saved and checked whenever typing pauses."""

    CSS = """
    NoteScreen #note-main { height: 1fr; }
    NoteScreen TextArea { width: 1fr; height: 1fr; border: round $border; border-title-color: $muted;
                          border-subtitle-color: $muted; background: $background; padding: 0; }
    NoteScreen TextArea:focus { border: round $accent; border-title-color: $accent; }
    NoteScreen #problems { width: 44; height: 1fr; border: round $border; border-title-color: $muted;
                           background: $background; padding: 0 1; }
    NoteScreen #problems:focus { background-tint: $foreground 0%; border: round $accent; }
    NoteScreen.-narrow #note-main { layout: vertical; }
    NoteScreen.-narrow #problems { width: 1fr; height: 7; }
    """
    BINDINGS = bindings("note")
    KEY_AREAS = ("note", "app")

    def __init__(self, desk: Desk, view: RunView, notice: LabError | None = None) -> None:
        super().__init__(desk)
        self.view = view
        self._told = notice
        self._problems: tuple[Problem, ...] = ()
        self._saved_text: str | None = None
        self._pause: Timer | None = None
        self._submitting = False

    def compose(self) -> ComposeResult:
        """Text beside problems."""
        yield TopBar()
        with Horizontal(id="note-main"):
            yield TextArea("", soft_wrap=True, show_line_numbers=True, tab_behavior="indent", id="note", read_only=True)
            yield OptionList(id="problems", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Fetch the note."""
        self.query_one("#note").border_title = "incident note"
        self.query_one("#problems").border_title = "to do"
        self._show_state("reading …")
        self._read()
        if self._told is not None:
            self.notice(self._told, "news")

    @property
    def leaving_keeps(self) -> str | None:
        """The note stays on disk; nothing runs out."""
        return self.view.title

    @property
    def area(self) -> TextArea:
        """The editor."""
        return self.query_one("#note", TextArea)

    def _read(self) -> None:
        backend = self.desk.backend
        call(self, "note", lambda: NoteRead(backend.note()))

    @on(NoteRead)
    def show_note(self, event: NoteRead) -> None:
        """The note from disk takes the place of what is shown."""
        event.stop()
        self._saved_text = event.text
        self.area.load_text(event.text)
        self.area.read_only = False
        self.area.focus()
        self.action_save()

    @on(TextArea.Changed)
    def typed(self) -> None:
        """Save once typing pauses."""
        if self.area.read_only or self.area.text == self._saved_text:
            return
        self._show_state("● not saved")
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(_DEBOUNCE_SECONDS, self.action_save)

    def action_save(self) -> None:
        """Save and check."""
        if self.area.read_only:
            return
        backend, text = self.desk.backend, self.area.text
        call(self, "save", lambda: NoteSaved(text, backend.save_note(text)))

    @on(NoteSaved)
    def show_problems(self, event: NoteSaved) -> None:
        """What the form still lacks."""
        event.stop()
        self._saved_text = event.text
        if self.area.text == event.text:
            self._show_state(f"✓ saved {form.time_of_day(self.desk.clock())}")
        problems = self.query_one("#problems", OptionList)
        if event.problems != self._problems or not problems.option_count:
            self._problems = event.problems
            problems.clear_options()
            problems.add_options(_problem_lines(problem) for problem in event.problems)
            problems.highlighted = 0 if event.problems else None
            if not event.problems:
                complete = Content.styled("✓ the form is complete", "$success")
                problems.add_option(Option(complete, disabled=True))
        problems.border_title = f"to do ({len(event.problems)})" if event.problems else "to do"

    @on(OptionList.OptionSelected, "#problems")
    def jump(self, event: OptionList.OptionSelected) -> None:
        """Enter on a problem goes to its line."""
        event.stop()
        if event.option_index < len(self._problems):
            line = max(0, self._problems[event.option_index].line - 1)
            self.area.move_cursor((min(line, self.area.document.line_count - 1), 0), center=True)
            self.area.focus()

    async def take_failure(self, event: CallFailed) -> None:
        """Say what failed; the text stays in the editor."""
        self._submitting = False
        self._show_state("✗ not saved" if event.group == "save" else "✗ failed")
        self.notice(event.error)

    def _show_state(self, state: str) -> None:
        style = {"✓": "$success", "✗": "bold $error"}.get(state[0], "$warning")
        self.query_one(TopBar).show(("✎ WRITING", "$accent"), self.view.title, ((state, style),))
        self.area.border_subtitle = self.view.note_path or ""

    def action_problems(self) -> None:
        """To the list, or back to the text."""
        problems = self.query_one("#problems")
        (self.area if problems.has_focus else problems).focus()

    def action_edit(self) -> None:
        """Hand the file to the person's own editor while the UI steps aside."""
        path = self.view.note_path
        if path is None or not self.desk.editor:
            self.notice(
                LabError("No editor to open", "Neither VISUAL nor EDITOR is set.", "Set one, or write the note here."),
                "news",
            )
            return
        if self._saved_text != self.area.text and not self._write_before_editing():
            return
        try:
            with self.app.suspend():
                subprocess.run([*self.desk.editor, path], check=False)
        except SuspendNotSupported:
            self.notice(
                LabError("No editor here", "This terminal cannot step aside.", f"Edit {path} yourself."), "news"
            )
        except OSError as error:
            command = " ".join(self.desk.editor)
            self.notice(
                LabError("The editor did not start", f"{command}: {error.strerror}", "Check $VISUAL and $EDITOR.")
            )
        self._read()

    def _write_before_editing(self) -> bool:
        """The editor must see what is on screen; this one call waits, the screen is about to be given away anyway."""
        try:
            self.desk.backend.save_note(self.area.text)
        except LabError as error:
            self.notice(as_lab_error(error))
            return False
        return True

    def action_submit(self) -> None:
        """Ask once: grading is final."""
        if self.area.read_only or self._submitting:
            return
        lacks = f"The form still lacks {form.plural(len(self._problems), 'thing')}; each may cost points.\n\n"
        question = Content.assemble(
            (lacks if self._problems else "", "$warning"),
            "The run is graded at once, and the note cannot be changed afterwards.",
        )
        self.app.push_screen(
            Confirm("Hand the note in?", question, (("submit", "Hand in"),), "Keep writing"), self._submit
        )

    def _submit(self, answer: str | None) -> None:
        if answer != "submit":
            return
        if self._pause is not None:
            self._pause.stop()
        self._submitting = True
        self._show_state("… grading")
        backend, text = self.desk.backend, self.area.text
        call(self, "submit", lambda: NoteGraded(backend.submit_note(text)))

    @on(NoteGraded)
    def go_on(self, event: NoteGraded) -> None:
        """To the debrief."""
        event.stop()
        self.app.post_message(RunMoved(self.view.model_copy(update={"phase": "graded", "report": event.report})))


def _problem_lines(problem: Problem) -> Content:
    return Content.assemble(
        ("✗ ", "$warning"),
        (f"{problem.where}", "bold"),
        (f"  line {problem.line}\n", "$muted"),
        f"{problem.what}\n",
        (f"→ {problem.next_step}", "$muted"),
    )
