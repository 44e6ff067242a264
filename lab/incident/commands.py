"""What a learner may ask of a run in its present state, and what a refusal says."""

from __future__ import annotations

import re
from typing import Literal, assert_never

from lab.content.model import Hint, Scenario
from lab.errors import RunError
from lab.incident.state import RunState

Command = Literal["declare", "diagnose", "hint", "query", "resolve", "nothing_wrong", "note", "submit", "abort"]

CLOSED_AS_FALSE = (
    "Nothing that this run judges has been out of bounds so far, so the declaration is closed as a false alarm. "
    "You are still on call."
)
"""What a resolve before onset is told; a quiet run says the same, so the words give nothing away."""


def may(state: RunState, command: Command) -> None:
    """Return if the command fits the state; raises RunError, with what would fit, if it does not."""
    match command:
        case "declare":
            _on_call(state, "Nothing to declare yet")
            if state.declaration is not None:
                raise RunError(
                    "An incident is already declared",
                    "One declaration is open at a time, and one is open now.",
                    "Go on with `lab incident diagnose`, or end it with `lab incident resolve`.",
                )
        case "diagnose" | "hint" | "query" | "nothing_wrong":
            _on_call(state, f"This run takes no {_NAMES[command]} now")
        case "resolve":
            _on_call(state, "Nothing to resolve now")
            if state.declaration is None:
                raise RunError(
                    "No incident is declared",
                    "Only a declared incident can be resolved.",
                    "Declare it with `lab incident declare`; if nothing is wrong, use "
                    "`lab incident resolve --nothing-wrong`.",
                )
        case "note" | "submit":
            _writing(state)
        case "abort":
            if state.phase in ("graded", "aborted", "void", "prevented"):
                raise RunError(
                    "The run is over", f"It is {_words(state)}.", "Start another one with `lab incident start`."
                )
        case _:
            assert_never(command)


def hint_on_offer(state: RunState, scenario: Scenario, now: float) -> tuple[int, Hint] | None:
    """Index and text of the first hint not yet taken whose condition holds at `now`, or None."""
    taken = {hint.hint for hint in state.hints}
    for index, hint in enumerate(scenario.hints):
        if index not in taken and _offered(state, hint, now):
            return index, hint
    return None


def queried(state: RunState, metric: str) -> bool:
    """Whether any query of the learner names this metric as a whole word."""
    name = re.compile(rf"(?<![\w:]){re.escape(metric)}(?:_bucket|_sum|_count)?(?![\w:])")
    return any(name.search(query.promql) for query in state.queries)


_NAMES = {
    "diagnose": "diagnosis",
    "hint": "request for a hint",
    "query": "query",
    "nothing_wrong": "claim that nothing is wrong",
}


def _offered(state: RunState, hint: Hint, now: float) -> bool:
    if hint.when is not None and queried(state, hint.when.never_queried):
        return False
    if hint.after is None:
        return True
    starts = state.strike_at if state.quiet else state.clock_starts
    return starts is not None and now >= starts + hint.after


def _on_call(state: RunState, title: str) -> None:
    if state.phase == "on_call":
        return
    if state.phase == "preparing":
        raise RunError(title, "The stack is still getting ready.", "Wait until `lab status` says on_call.")
    raise RunError(title, f"You are no longer on call: the run is {_words(state)}.", _after(state))


def _writing(state: RunState) -> None:
    if state.phase == "writing":
        return
    if state.phase in ("preparing", "on_call"):
        raise RunError(
            "The note comes after the incident",
            "You are still on call, and the record is not closed yet.",
            "Resolve the incident, or say that nothing is wrong; the note is untimed.",
        )
    raise RunError("The note is closed", f"The run is {_words(state)}.", "See `lab incident list` for its result.")


def _words(state: RunState) -> str:
    reason = f" ({state.reason})" if state.reason else ""
    return f"{'in its writing phase' if state.phase == 'writing' else state.phase}{reason}"


def _after(state: RunState) -> str:
    if state.phase == "writing":
        return "Write the note, then hand it in with `lab incident submit`."
    return "Start another one with `lab incident start`."
