"""Cross checks of a proof: it must show the scenario solvable, doing nothing wrong, and wrong fixes wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import assert_never

from lab.content.causes import NO_FAULT
from lab.content.loader import LoadedScenario
from lab.content.model import (
    COMPONENTS,
    Apply,
    DeletePods,
    Event,
    GitRevert,
    NothingWrong,
    Play,
    RegistryAlias,
    RegistryEvent,
    Restart,
    RolloutUndo,
    Scale,
    SetEnv,
    SetImage,
    SilenceAlert,
    Step,
)
from lab.content.names import suggestion
from lab.content.yamlfile import Document, Where
from lab.errors import Problem

NOTHING = "nothing"
"""The play without steps that every proof has."""
MIN_WRONG_PLAYS = 3
MIN_WRONG_PLAYS_QUIET = 4
OPERATED = "operated"
"""What a needless act in a quiet run fails by when it harms nobody."""
_PREFIX = "deployment/"


def proof_problems(loaded: LoadedScenario, document: Document, alerts: Collection[str] | None) -> Iterator[Problem]:
    """Everything that keeps the proof from proving its scenario; `alerts` are those of the rules, None if not known."""
    scenario, proof = loaded.scenario, loaded.proof
    quiet = scenario.truth.root_cause == NO_FAULT
    yield from _balance(loaded, document, quiet)
    longest = max(objective.hold for objective in scenario.objectives)
    if proof.give_up <= longest:
        step = (
            f"wait longer than the longest hold, {longest:g} s, else a play that works is not told from one that fails"
        )
        yield document.problem(("give_up",), f"is {proof.give_up:g} s", step)
    known = [objective.name for objective in scenario.objectives] + list(scenario.safeguards)
    known += [OPERATED] if quiet else []
    for name, play in proof.plays.items():
        where: Where = ("plays", name)
        if play.verdict == "fail" and not play.by:
            yield document.problem(where, "fails by nothing", "name in `by` the objective or safeguard that must fail")
        if play.verdict == "pass" and play.by:
            yield document.problem((*where, "by"), "is for plays that fail", "drop `by`")
        for index, failed in enumerate(play.by):
            if failed not in known:
                what = f"`{failed}` is neither an objective nor a safeguard of this scenario"
                yield document.problem((*where, "by", index), what, suggestion(failed, known))
        for index, action in enumerate(play.steps):
            step_where: Where = (*where, "steps", index)
            yield from _step_problems(action, step_where, document, scenario.events)
            if isinstance(action, SilenceAlert) and alerts is not None and action.silence not in alerts:
                what = f"`{action.silence}` is not an alert of the rules"
                yield document.problem((*step_where, "silence"), what, suggestion(action.silence, alerts))


def _balance(loaded: LoadedScenario, document: Document, quiet: bool) -> Iterator[Problem]:
    plays = loaded.proof.plays
    right = [name for name, play in plays.items() if play.verdict == "pass"]
    wrong = len(plays) - len(right)
    least = MIN_WRONG_PLAYS_QUIET if quiet else MIN_WRONG_PLAYS
    if not right:
        yield document.problem(("plays",), "has no play that passes", "add the fix, with `verdict: pass`")
    if wrong < least:
        yield document.problem(("plays",), f"has {wrong} plays that fail", f"add wrong fixes until there are {least}")
    if NOTHING not in plays:
        yield document.problem(("plays",), f"has no play `{NOTHING}`", f"add `{NOTHING}` with `steps: []`")
        return
    nothing: Play = plays[NOTHING]
    if nothing.steps:
        yield document.problem(("plays", NOTHING, "steps"), "does something", "write `steps: []`")
    expected = "pass" if quiet else "fail"
    if nothing.verdict != expected:
        why = "holding fire is right in a quiet run" if quiet else "doing nothing must not solve an incident"
        yield document.problem(("plays", NOTHING, "verdict"), f"is {nothing.verdict}", f"write {expected}: {why}")


def _step_problems(step: Step, where: Where, document: Document, events: tuple[Event, ...]) -> Iterator[Problem]:
    match step:
        case RolloutUndo(rollout_undo=target):
            yield from _target_problems(target, (*where, "rollout_undo"), document)
        case Restart(restart=target):
            yield from _target_problems(target, (*where, "restart"), document)
        case Scale(scale=targets):
            yield from _targets_problems(tuple(targets), (*where, "scale"), document)
        case SetEnv(set_env=targets):
            yield from _targets_problems(tuple(targets), (*where, "set_env"), document)
        case SetImage(set_image=targets):
            yield from _targets_problems(tuple(targets), (*where, "set_image"), document)
        case RegistryAlias(registry_alias=moved):
            if not moved:
                yield document.problem((*where, "registry_alias"), "names no alias", 'name one: {champion: "2"}')
        case GitRevert(git_revert=change):
            yield from _revert_problems(change.event, (*where, "git_revert", "event"), document, events)
        case Apply(apply=folder):
            if folder.startswith("/") or ".." in folder.split("/"):
                step_out = "name a folder inside the platform repo; `.` is all of it"
                yield document.problem((*where, "apply"), f"`{folder}` leaves the platform repo", step_out)
        case DeletePods() | NothingWrong() | SilenceAlert():
            return
        case _:
            assert_never(step)


def target_problems_of_setup(loaded: LoadedScenario, document: Document) -> Iterator[Problem]:
    """Deployments that the setup names and the stack does not have."""
    setup = loaded.scenario.setup
    if setup is not None:
        yield from _targets_problems(tuple(setup.scale), ("setup", "scale"), document)


def _revert_problems(index: int, where: Where, document: Document, events: tuple[Event, ...]) -> Iterator[Problem]:
    if index >= len(events):
        last = len(events) - 1
        known = f"use 0 to {last}, counted from the top" if events else "there are no events; drop the step"
        yield document.problem(where, f"there is no event {index}", known)
    elif isinstance(events[index], RegistryEvent):
        yield document.problem(where, f"event {index} made no commit", "use registry_alias to move the alias back")


def _targets_problems(targets: tuple[str, ...], where: Where, document: Document) -> Iterator[Problem]:
    if not targets:
        yield document.problem(where, "names no deployment", "name one: {deployment/NAME: ...}")
    for target in targets:
        yield from _target_problems(target, (*where, target), document)


def _target_problems(target: str, where: Where, document: Document) -> Iterator[Problem]:
    known = [_PREFIX + component for component in COMPONENTS]
    if target not in known:
        yield document.problem(where, f"`{target}` is not a deployment of the stack", suggestion(target, known))
