"""`lab note template | lint` and `lab grade`."""

from __future__ import annotations

import argparse
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from lab.cli.context import Context, add
from lab.cli.demo import report_result
from lab.cli.output import FAILED, OK, Result, problem_json
from lab.content.loader import find
from lab.errors import MissingError, Problem, SettingsError
from lab.grading.grade import grade
from lab.grading.layout import TemplateFacts, template
from lab.grading.note import lint
from lab.incident.bundle import read_bundle


def register(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    grade_ = add(group, "grade", grade_bundle, "grade an evidence bundle again, offline")
    grade_.add_argument("bundle")
    grade_.add_argument("--note", default=None, metavar="FILE", help="grade another note against the same record")
    parser = group.add_parser("note", help="the incident note: template, lint")
    verbs = parser.add_subparsers(title="what to do", metavar="VERB", required=True)
    template_ = add(verbs, "template", print_template, "print the empty note of a scenario's level")
    template_.add_argument("slug")
    lint_ = add(verbs, "lint", lint_note, "problems of form, located; tells no truth")
    lint_.add_argument("file")


def grade_bundle(context: Context) -> Result:
    """The same figures as live, with the stack down."""
    path = Path(context.args.bundle)
    bundle = read_bundle(path)
    if context.args.note is not None:
        bundle = bundle.model_copy(update={"note": _read(Path(context.args.note))})
    return report_result(grade(bundle).model_copy(update={"bundle": str(path)}))


def print_template(context: Context) -> Result:
    """An empty note."""
    scenario = find(context.lab().around.scenarios_root, context.args.slug).scenario
    text = template(TemplateFacts("", scenario.title, scenario.level))
    return Result(text, {"note": text})


def lint_note(context: Context) -> Result:
    """Located problems; exit 1 when there are any."""
    path = Path(context.args.file)
    problems = lint(_read(path), str(path))
    body = {"problems": [problem_json(one) for one in problems]}
    return Result(problems_text(problems) or "No problems.", body, FAILED if problems else OK)


def problems_text(problems: Sequence[Problem]) -> str:
    """One problem a line."""
    return "\n".join(str(one) for one in problems)


def editor_command(context: Context) -> tuple[str, ...]:
    """The user's editor: setting, VISUAL, EDITOR, or one that most machines have."""
    lab = context.lab()
    path = context.environ.get("PATH", "")
    if lab.around.settings.editor:
        return lab.around.settings.editor
    for name in ("VISUAL", "EDITOR"):
        if context.environ.get(name, "").strip():
            return tuple(shlex.split(context.environ[name]))
    for name in ("nano", "vim", "vi"):
        if shutil.which(name, path=path):
            return (name,)
    raise MissingError(
        "No editor",
        "neither EDITOR nor a known editor was found.",
        "Set EDITOR, or edit the file that `lab incident note --print` names.",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("Cannot read that", f"{path}: {error}.", "Name a readable text file.") from error
