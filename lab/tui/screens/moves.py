"""What is said to the learner after a move, decided from the public view alone."""

from __future__ import annotations

from lab.errors import LabError
from lab.keeper.view import RunView
from lab.tui.messages import Verb


def said_after(verb: Verb, before: RunView, after: RunView) -> LabError | None:
    """Words after a verb that left the run on call; None where the panels say it all."""
    match verb:
        case "declare" | "diagnose":
            return None
        case "hint":
            new = after.hints.taken[len(before.hints.taken) :]
            text = "\n".join(new) or "There is no hint on offer just now."
            return LabError("Hint", text, "It stays listed under F4.")
        case "resolve":
            reasons = "\n".join(f"• {reason}" for reason in after.refused)
            if before.declaration is not None and after.declaration is None:
                text = reasons or "You are still on call."
                return LabError("Declaration closed", text, "Keep watching; declare again if need be.")
            if after.refused:
                return LabError("Not resolved yet", reasons, "This cost nothing. Resolve again once it has held.")
            return None


def end_notice(view: RunView | None) -> LabError | None:
    """Words on leaving the on-call screen because of what the run has become."""
    if view is None:
        return LabError(
            "The run is gone", "The lab no longer knows of a run here.", "`lab incident list` has the past ones."
        )
    match view.phase:
        case "writing":
            reason = view.phase_reason or "On call is over."
            return LabError("Now write the note", reason, "Take your time: this part is not timed.")
        case "void":
            return LabError(
                "This run is void", view.phase_reason or "The lab itself failed.", "Nothing is charged to you."
            )
        case "prevented":
            return LabError(
                "Prevented", view.phase_reason or "What was to happen did not happen.", "Listed, and not scored."
            )
        case "aborted":
            return LabError(
                "The run was ended", view.phase_reason or "It stays listed, unscored.", "Start another one."
            )
        case "preparing" | "on_call" | "graded":
            return None
