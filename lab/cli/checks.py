"""`lab check`: everything that is wrong with the content, at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.cli.context import Context, add
from lab.cli.notes import problems_text
from lab.cli.output import FAILED, OK, Result, problem_json
from lab.content.check import check_library


def register(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add(group, "check", check, "check scenarios for mistakes and spoilers")
    parser.add_argument("folder", nargs="?", default=None, help="a folder of scenarios; default: those of the product")


def check(context: Context) -> Result:
    """Located problems; exit 1 when there are any."""
    around = context.lab().around
    root = Path(context.args.folder) if context.args.folder else around.scenarios_root
    problems = check_library(root, around.platform_source / "telemetry.yaml")
    body = {"problems": [problem_json(one) for one in problems]}
    return Result(problems_text(problems) or f"No problems in {root}.", body, FAILED if problems else OK)
