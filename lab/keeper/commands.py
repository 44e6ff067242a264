"""What a learner asks of a run, answered by the keeper that owns it."""

from __future__ import annotations

import hashlib
from typing import assert_never

from lab.content.causes import load_causes
from lab.content.model import COMPONENTS
from lab.errors import RunError
from lab.grading.grade import grade
from lab.grading.severity import SEVERITIES
from lab.incident.bundle import write_bundle
from lab.incident.commands import CLOSED_AS_FALSE, hint_on_offer, may
from lab.incident.events import (
    DeclarationClosed,
    DiagnosisGiven,
    HintTaken,
    IncidentDeclared,
    NoteSubmitted,
    NothingWrongClaimed,
    QueryRun,
    ResolveAccepted,
    ResolveRefused,
)
from lab.incident.objectives import resolve
from lab.keeper.evidence import bundle_of
from lab.keeper.loop import Keeper
from lab.keeper.notes import write_template
from lab.keeper.public import changes_of, view_of
from lab.keeper.view import RunView
from lab.keeper.wire import (
    Abort,
    AskView,
    Declare,
    Diagnose,
    GiveUp,
    Request,
    Resolve,
    Submit,
    TakeHint,
    TellQuery,
)


def answer(keeper: Keeper, request: Request) -> RunView:
    """Do what was asked and return the run as it is then; raises RunError when it does not fit."""
    with keeper.lock:
        match request:
            case AskView():
                pass
            case Declare():
                _declare(keeper, request)
            case Diagnose():
                _diagnose(keeper, request)
            case TakeHint():
                _hint(keeper)
            case Resolve():
                _resolve(keeper, request)
            case GiveUp():
                may(keeper.state, "nothing_wrong")
                _close(keeper, "ended without a fix")
            case TellQuery():
                if keeper.state.phase == "on_call":
                    keeper.record(QueryRun(at=keeper.now(), promql=request.promql))
            case Submit():
                _submit(keeper, request)
            case Abort():
                may(keeper.state, "abort")
                keeper.enter("aborted", request.reason)
            case _:
                assert_never(request)
        return view_of(keeper.files, keeper.events, keeper.loaded.slug, keeper.loaded.scenario, keeper.now())


def _declare(keeper: Keeper, request: Declare) -> None:
    may(keeper.state, "declare")
    severity = request.severity.upper()
    if severity not in SEVERITIES:
        raise RunError(
            "Unknown severity", f"{request.severity!r} is no severity.", f"Use one of {', '.join(SEVERITIES)}."
        )
    keeper.record(IncidentDeclared(at=keeper.now(), severity=severity, summary=request.summary))


def _diagnose(keeper: Keeper, request: Diagnose) -> None:
    may(keeper.state, "diagnose")
    load_causes().require(request.cause)
    if request.component not in COMPONENTS:
        known = ", ".join(COMPONENTS)
        raise RunError("Unknown component", f"{request.component!r} is no component.", f"Use one of: {known}.")
    change = _full_hash(keeper, request.change)
    keeper.record(DiagnosisGiven(at=keeper.now(), cause=request.cause, component=request.component, change=change))


def _full_hash(keeper: Keeper, change: str | None) -> str | None:
    """The change that a person means by a short hash or the number of a move; None stays None."""
    if change is None or change in ("", "none"):
        return None
    applied = next((event.commit for event in keeper.state.applied if event.commit == change), None)
    if applied is not None:
        return applied
    for commit in keeper.lab.repo.log(limit=200):
        if commit.sha.startswith(change):
            return commit.sha
    known = ", ".join(view.id for view in changes_of(keeper.events)) or "none so far"
    raise RunError("Unknown change", f"no commit {change!r} in the platform repo.", f"Changes in this run: {known}.")


def _hint(keeper: Keeper) -> None:
    state = keeper.state
    may(state, "hint")
    offer = hint_on_offer(state, keeper.loaded.scenario, keeper.now())
    if offer is None:
        raise RunError("No hint now", "there is no hint for where you are.", "Look around, and ask again later.")
    index, hint = offer
    keeper.record(HintTaken(at=keeper.now(), hint=index, cost=hint.cost, text=hint.text))


def _resolve(keeper: Keeper, request: Resolve) -> None:
    state = keeper.state
    if request.nothing_wrong:
        may(state, "nothing_wrong")
        keeper.record(NothingWrongClaimed(at=keeper.now(), reason=request.reason))
        _close(keeper, "you said that nothing is wrong")
        return
    may(state, "resolve")
    outcome = resolve(keeper.loaded.scenario, keeper.samples, state, keeper.now())
    if outcome == "close_as_false":
        keeper.record(DeclarationClosed(at=keeper.now()))
        keeper.record(ResolveRefused(at=keeper.now(), reasons=(CLOSED_AS_FALSE,)))
    elif outcome:
        keeper.record(ResolveRefused(at=keeper.now(), reasons=outcome))
    else:
        keeper.record(ResolveAccepted(at=keeper.now()))
        _close(keeper, "resolved")


def _close(keeper: Keeper, reason: str) -> None:
    keeper.enter("writing", reason)
    write_template(keeper.files, keeper.loaded.scenario)


def _submit(keeper: Keeper, request: Submit) -> None:
    may(keeper.state, "submit")
    digest = hashlib.sha256(request.note.encode()).hexdigest()
    keeper.files.note.write_text(request.note)
    keeper.record(NoteSubmitted(at=keeper.now(), sha256=digest))
    bundle = bundle_of(keeper, request.note)
    path = keeper.lab.around.user.bundles / f"{keeper.files.run_id}-{keeper.loaded.slug}.json.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bundle(path, bundle)
    report = grade(bundle).model_copy(update={"bundle": str(path)})
    keeper.files.report.write_text(report.model_dump_json(indent=1))
    keeper.enter("graded")
