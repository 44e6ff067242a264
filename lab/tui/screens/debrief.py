"""After grading: the verdict, both scores line by line, and what really happened."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Footer, Markdown, Static

from lab.grading.report import Report
from lab.keeper.view import RunView
from lab.tui.desk import Desk
from lab.tui.keys import bindings
from lab.tui.messages import CallFailed, DebriefRead, RunMoved
from lab.tui.screens.base import LabScreen
from lab.tui.threads import call
from lab.tui.widgets.scores import Scores, verdict_line
from lab.tui.widgets.topbar import PHASE_WORDS, TopBar


class DebriefScreen(LabScreen):
    """Scores on the left, the story on the right; one at a time on a narrow screen."""

    CSS = """
    DebriefScreen #verdict { height: 3; border: round $border; padding: 0 1; }
    DebriefScreen #verdict.-pass { border: round $success; }
    DebriefScreen #verdict.-fail { border: round $error; }
    DebriefScreen #verdict.-void { border: round $warning; }
    DebriefScreen #debrief-main { height: 1fr; }
    DebriefScreen #scores-box, DebriefScreen #story { border: round $border; border-title-color: $muted;
                                                      height: 1fr; width: 1fr; }
    DebriefScreen #scores-box { width: 5fr; }
    DebriefScreen #story { width: 4fr; }
    DebriefScreen #story { padding: 0 1; }
    DebriefScreen Scores:focus { background: $background; }
    DebriefScreen #scores-box:focus-within, DebriefScreen #story:focus { border: round $accent;
                                                                        border-title-color: $accent; }
    DebriefScreen Markdown { background: $background; padding: 0; margin: 0; }
    DebriefScreen.-narrow.-scores #story { display: none; }
    DebriefScreen.-narrow.-story #scores-box { display: none; }
    """
    BINDINGS = bindings("debrief")
    KEY_AREAS = ("debrief", "app")

    def __init__(self, desk: Desk, view: RunView) -> None:
        super().__init__(desk)
        self.view = view

    def compose(self) -> ComposeResult:
        """Verdict over scores and story."""
        yield TopBar()
        yield Static("", id="verdict")
        with Horizontal(id="debrief-main"):
            with VerticalScroll(id="scores-box", can_focus=False):
                if self.view.report is not None:
                    yield Scores(self.view.report)
            with VerticalScroll(id="story"):
                yield Markdown("*reading …*", open_links=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Show the scores at once, fetch the story."""
        self.query_one(TopBar).show(PHASE_WORDS["graded"], self.view.title)
        self.query_one("#scores-box").border_title = "score, line by line"
        self.query_one("#story").border_title = "what happened"
        self.add_class("-scores")
        if self.view.report is not None:
            self._show_verdict(self.view.report)
            self.query_one(Scores).focus()
        backend, view = self.desk.backend, self.view
        call(self, "debrief", lambda: DebriefRead(backend.debrief(), backend.view() or view))

    def _show_verdict(self, report: Report) -> None:
        verdict = self.query_one("#verdict", Static)
        verdict.update(verdict_line(report))
        verdict.add_class(f"-{report.verdict}")
        if report.failed:
            verdict.border_subtitle = "failed: " + ", ".join(report.failed)

    @on(DebriefRead)
    async def show_story(self, event: DebriefRead) -> None:
        """The story, and the report if it was not known before."""
        event.stop()
        await self.query_one(Markdown).update(event.story)
        if self.view.report is None and event.view.report is not None:
            self.view = event.view
            self._show_verdict(event.view.report)
            await self.query_one("#scores-box").mount(Scores(event.view.report))

    async def take_failure(self, event: CallFailed) -> None:
        """The scores stay; say in place of the story why there is none."""
        error = event.error
        await self.query_one(Markdown).update(f"**✗ {error.title}**\n\n{error.message}\n\n→ {error.next_step}")

    def action_pane(self) -> None:
        """From the scores to the story and back."""
        story = self.has_class("-scores")
        self.set_class(story, "-story")
        self.set_class(not story, "-scores")
        target = self.query_one("#story") if story else next(iter(self.query(Scores)), self.query_one("#story"))
        target.focus()

    def action_done(self) -> None:
        """Back to the start."""
        self.app.post_message(RunMoved(None))
