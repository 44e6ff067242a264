"""The learner's verbs on the on-call screen: each opens its dialog, and what it returns becomes a call."""

from __future__ import annotations

from textual import on
from textual.content import Content

from lab.errors import LabError
from lab.keeper.view import RunView
from lab.tui.desk import Desk
from lab.tui.messages import VerbDone, VocabularyRead
from lab.tui.modals.confirm import Confirm
from lab.tui.modals.declare import Declaration, Declare
from lab.tui.modals.diagnose import Diagnose, Diagnosis
from lab.tui.modals.resolve import Resolution, Resolve
from lab.tui.screens.base import LabScreen
from lab.tui.threads import call


class Verbs(LabScreen):
    """Declare, diagnose, hint, resolve, and the briefing."""

    desk: Desk
    view: RunView

    def _on_call(self) -> bool:
        """Whether verbs hold now; says so when not."""
        if self.view.phase == "on_call":
            return True
        self.notice(
            LabError("Not on call yet", "The stack is being brought to its steady state.", "Look around meanwhile."),
            "news",
        )
        return False

    def action_declare(self) -> None:
        """Declare, unless one is open."""
        if not self._on_call():
            return
        if (given := self.view.declaration) is not None:
            self.notice(
                LabError(
                    "Already declared",
                    f"{given.severity}: {given.summary}",
                    "One declaration is open at a time; F5 resolves it.",
                ),
                "news",
            )
            return
        self.app.push_screen(Declare(), self._declare)

    def _declare(self, given: Declaration | None) -> None:
        if given is not None:
            backend = self.desk.backend
            call(self, "verb", lambda: VerbDone("declare", backend.declare(given.severity, given.summary)))

    def action_diagnose(self) -> None:
        """Diagnose, beginning with the last diagnosis."""
        self.ask_diagnosis(None)

    def ask_diagnosis(self, change: str | None) -> None:
        """Fetch the vocabulary, then ask."""
        if self._on_call():
            backend = self.desk.backend
            call(self, "vocabulary", lambda: VocabularyRead(backend.causes(), backend.components(), change))

    @on(VocabularyRead)
    def _ask_with_vocabulary(self, event: VocabularyRead) -> None:
        event.stop()
        dialog = Diagnose(event.causes, event.components, self.view.changes, self.view.diagnosis, event.change)
        self.app.push_screen(dialog, self._diagnose)

    def _diagnose(self, given: Diagnosis | None) -> None:
        if given is not None:
            backend = self.desk.backend
            call(
                self,
                "verb",
                lambda: VerbDone("diagnose", backend.diagnose(given.cause, given.component, given.change)),
            )

    def action_hint(self) -> None:
        """Show the hints taken, and what the next one costs."""
        if not self._on_call():
            return
        hints = self.view.hints
        taken = "\n".join(f"• {text}" for text in hints.taken)
        if hints.next_cost is None:
            self.notice(LabError("Hints", taken or "No hint is on offer just now.", "Hints come with time."), "news")
            return
        question = Content.assemble(
            (f"Taken so far:\n{taken}\n\n" if taken else ""),
            "The next hint costs ",
            (f"{hints.next_cost} points", "bold $warning"),
            " of the operating score.",
        )
        self.app.push_screen(Confirm("Hint", question, (("take", f"Take it for {hints.next_cost}"),)), self._take_hint)

    def _take_hint(self, answer: str | None) -> None:
        if answer == "take":
            backend = self.desk.backend
            call(self, "verb", lambda: VerbDone("hint", backend.hint()))

    def action_resolve(self) -> None:
        """Ask how it ends."""
        if self._on_call():
            self.app.push_screen(Resolve(self.view.refused), self._resolve)

    def _resolve(self, given: Resolution | None) -> None:
        if given is None:
            return
        backend = self.desk.backend
        if given.give_up:
            call(self, "verb", lambda: VerbDone("resolve", backend.give_up()))
        else:
            call(self, "verb", lambda: VerbDone("resolve", backend.resolve(given.nothing_wrong, given.reason)))

    def action_briefing(self) -> None:
        """The briefing again."""
        view = self.view
        self.notice(LabError(view.title, view.briefing.strip(), f"Level {view.level}, mode {view.mode}."), "news")
