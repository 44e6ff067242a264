"""`lab incident start | status | causes | declare | diagnose | hint | resolve | note | submit | abort | list`."""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path
from typing import Any

from lab.cli.context import Context, add
from lab.cli.demo import report_result
from lab.cli.notes import editor_command, problems_text
from lab.cli.output import FAILED, OK, Result, problem_json
from lab.content.causes import load_causes
from lab.content.loader import find
from lab.errors import RunError, RunVoid
from lab.grading.note import lint
from lab.keeper.files import OPEN_PHASES
from lab.keeper.public import debrief_of
from lab.keeper.runs import StartOptions, require_run, start_run, views
from lab.keeper.view import RunView
from lab.operate.tables import age, aligned


def register(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    parser = group.add_parser("incident", help="be on call: start, declare, diagnose, resolve, write the note")
    verbs = parser.add_subparsers(title="what to do", metavar="VERB", required=True)
    start_ = add(verbs, "start", start, "begin an incident; the stack comes up if it is down")
    start_.add_argument("slug")
    start_.add_argument("--seed", type=int, default=None, help="repeat the run that this number gives")
    start_.add_argument("--mode", choices=("graded", "coached", "practice"), default="graded")
    start_.add_argument("--no-wait", action="store_true", help="return at once instead of when you are on call")
    add(verbs, "status", status, "where the run stands")
    causes_ = add(verbs, "causes", causes, "the vocabulary of root causes")
    causes_.add_argument("words", nargs="*", help="search for these words")
    declare_ = add(verbs, "declare", declare, "declare an incident")
    declare_.add_argument("--severity", default="SEV2", help="SEV1, SEV2, SEV3 or SEV4")
    declare_.add_argument("--summary", default="")
    diagnose_ = add(verbs, "diagnose", diagnose, "say what it is; the last word counts")
    diagnose_.add_argument("--cause", required=True)
    diagnose_.add_argument("--component", required=True)
    diagnose_.add_argument("--change", default=None, metavar="COMMIT", help="the change behind it, or none")
    hint_ = add(verbs, "hint", hint, "show what a hint costs; --take takes it")
    hint_.add_argument("--take", action="store_true")
    resolve_ = add(verbs, "resolve", resolve, "ask for the incident to be accepted as over")
    resolve_.add_argument("--nothing-wrong", action="store_true", help="end the run: nothing is wrong")
    resolve_.add_argument("--give-up", action="store_true", help="end on call without a fix; the note still comes")
    resolve_.add_argument("--reason", default="")
    note_ = add(verbs, "note", note, "edit the incident note in your editor")
    note_.add_argument("--print", action="store_true", dest="show", help="print it instead")
    submit_ = add(verbs, "submit", submit, "hand the note in and get both scores")
    submit_.add_argument(
        "file", nargs="?", default=None, help="another file than the run's note, or - for standard input"
    )
    add(verbs, "abort", abort, "end the run without a grade; it stays listed")
    add(verbs, "debrief", debrief, "the story of the last graded run")
    add(verbs, "list", list_runs, "runs of this lab")


def start(context: Context) -> Result:
    """Begin a run and wait until the learner is on call."""
    args, lab = context.args, context.lab()
    loaded = find(lab.around.scenarios_root, args.slug)
    lab.up(context.voice.say, context.stop)
    client = start_run(lab, loaded, StartOptions(seed=args.seed, mode=args.mode))
    context.voice.say("Waiting for the steady state.")
    view = client.view()
    while view.phase == "preparing" and not args.no_wait:
        if context.stop.wait(0.5):
            raise KeyboardInterrupt
        view = client.view()
    if view.phase in ("void", "aborted"):
        raise RunVoid("The run is void", view.phase_reason, "Start it again; nothing is held against you.")
    return _shown(view)


def status(context: Context) -> Result:
    """The run that goes on, else the last one."""
    lab = context.lab()
    view = next(views(lab), None)
    if view is None:
        raise RunError("No run yet", "this lab has no run.", "Start one with `lab incident start SLUG`.")
    return _shown(require_run(lab).view() if view.phase in OPEN_PHASES else view)


def causes(context: Context) -> Result:
    """The vocabulary, the same in every run."""
    found = [one for one in load_causes().search(" ".join(context.args.words)) if one.kind != "symptom"]
    lines = [f"{'' if one.kind == 'family' else '  '}{one.id}: {one.definition}" for one in found]
    rows = [{"id": one.id, "title": one.title, "definition": one.definition, "parent": one.parent} for one in found]
    return Result("\n".join(lines) or "Nothing matches.", {"causes": rows})


def declare(context: Context) -> Result:
    """Declare an incident."""
    return _shown(require_run(context.lab()).declare(context.args.severity, context.args.summary))


def diagnose(context: Context) -> Result:
    """Say what it is."""
    args = context.args
    return _shown(require_run(context.lab()).diagnose(args.cause, args.component, args.change))


def hint(context: Context) -> Result:
    """The price first, then the hint."""
    client = require_run(context.lab())
    view = client.view()
    if not context.args.take:
        price = view.hints.next_cost
        text = (
            "No hint for where you are now."
            if price is None
            else f"The next hint costs {price} points: lab incident hint --take"
        )
        return Result(text, {"next_cost": price, "taken": list(view.hints.taken)})
    view = client.hint()
    return Result(view.hints.taken[-1], {"next_cost": view.hints.next_cost, "taken": list(view.hints.taken)})


def resolve(context: Context) -> Result:
    """Ask for the end; a refusal says why, exits 1, and costs nothing."""
    args, client = context.args, require_run(context.lab())
    view = client.give_up() if args.give_up else client.resolve(nothing_wrong=args.nothing_wrong, reason=args.reason)
    if view.phase == "on_call":
        body = {**_json(view), "accepted": False}
        return Result("Not accepted:\n" + "\n".join(f"  {reason}" for reason in view.refused), body, FAILED)
    next_step = "Now the note, untimed: `lab incident note`, then `lab incident submit`."
    text = f"On call is over ({view.phase_reason}). {next_step}"
    return Result(text, {**_json(view), "accepted": True})


def note(context: Context) -> Result:
    """Edit or print the note."""
    path = _note_path(require_run(context.lab()).view())
    if context.args.show:
        return Result(path.read_text(), {"path": str(path), "note": path.read_text()})
    command = editor_command(context)
    subprocess.run([*command, str(path)], check=False)
    problems = lint(path.read_text(), str(path))
    body = {"path": str(path), "problems": [problem_json(one) for one in problems]}
    return Result(problems_text(problems) or "The note has the right form. Hand it in: `lab incident submit`.", body)


def submit(context: Context) -> Result:
    """Hand the note in."""
    client = require_run(context.lab())
    view = client.view()
    source = context.args.file
    if source == "-":
        import sys

        text = sys.stdin.read()
    else:
        path = Path(source) if source else _note_path(view)
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise RunError("No note there", f"{path}: {error}.", "Name a readable text file.") from error
    view = client.submit(text)
    if view.report is None:
        raise RunVoid("No grade", view.phase_reason or "the run was not graded.", "See `lab incident list`.")
    return report_result(view.report)


def abort(context: Context) -> Result:
    """End the run without a grade."""
    return _shown(require_run(context.lab()).abort())


def debrief(context: Context) -> Result:
    """What really happened, over what was done."""
    lab = context.lab()
    view = next((one for one in views(lab) if one.phase == "graded"), None)
    if view is None:
        raise RunError("Nothing to look back on", "no run of this lab is graded.", "Finish one first.")
    text = debrief_of(lab, view)
    return Result(text, {"run": view.run_id, "debrief": text})


def list_runs(context: Context) -> Result:
    """Every run, void and aborted ones included."""
    lab = context.lab()
    rows: list[dict[str, Any]] = []
    for view in views(lab):
        report = view.report
        rows.append(
            {
                "id": view.run_id,
                "scenario": view.scenario,
                "phase": view.phase,
                "reason": view.phase_reason,
                "mode": view.mode,
                "verdict": None if report is None else report.verdict,
                "operated": None if report is None else report.operated,
                "explained": None if report is None else report.explained,
                "started": view.started,
            }
        )
    if not rows:
        return Result("No runs yet.", {"runs": []})
    table = [("RUN", "SCENARIO", "PHASE", "MODE", "RESULT", "AGE")]
    for row in rows:
        result = (
            row["reason"]
            if row["verdict"] is None
            else f"{row['verdict']} {row['operated']:.0f}/{row['explained']:.0f}"
        )
        table.append((row["id"], row["scenario"], row["phase"], row["mode"], result, age(time.time() - row["started"])))
    return Result(aligned(table), {"runs": rows})


def _note_path(view: RunView) -> Path:
    if view.note_path is None:
        raise RunError("No note yet", "the note comes after the incident.", "Resolve it first: `lab incident resolve`.")
    return Path(view.note_path)


def _json(view: RunView) -> dict[str, Any]:
    return view.model_dump(mode="json")


def _shown(view: RunView) -> Result:
    """The public state of a run."""
    now = time.time()
    lines = [f"{view.title}  [{view.phase}]" + (f" {view.phase_reason}" if view.phase_reason else "")]
    if view.phase in ("preparing", "on_call"):
        lines.append(view.briefing.strip())
    if view.phase == "on_call" and view.on_call_ends is not None:
        lines.append(f"time left: {age(view.on_call_ends - now)}")
    if view.declaration is not None:
        lines.append(f"declared: {view.declaration.severity} {age(now - view.declaration.at)} ago")
    if view.diagnosis is not None:
        given = view.diagnosis
        lines.append(f"diagnosis: {given.cause} in {given.component}, change {given.change or 'none'}")
    if view.changes:
        rows = [(one.id, age(now - one.at), one.who, one.component, one.what, one.message) for one in view.changes]
        lines.append("changes:\n" + aligned(rows))
    if view.refused:
        lines.append("last resolve was refused: " + "; ".join(view.refused))
    if view.report is not None:
        lines.append(
            f"{view.report.verdict}: operated {view.report.operated:.0f}, explained {view.report.explained:.0f}"
        )
    return Result("\n".join(lines), _json(view), OK)
