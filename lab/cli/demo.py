"""`lab demo`: a run that plays itself, told as it happens."""

from __future__ import annotations

import argparse

from lab.cli.context import Context, add
from lab.cli.output import FAILED, OK, VOID, Result
from lab.content.loader import find
from lab.grading.report import Report
from lab.keeper.autopilot import Autopilot
from lab.keeper.minds import OnCall
from lab.keeper.runs import StartOptions, end_run, refuse_while_going, start_run

DEFAULT_SCENARIO = "hangs-now-and-then"


def register(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add(group, "demo", demo, "watch an incident being detected, fixed, explained and graded")
    parser.add_argument("slug", nargs="?", default=DEFAULT_SCENARIO)
    parser.add_argument(
        "--as", dest="play", default=None, metavar="PLAY", help="a play of proof.yaml; default: its first"
    )
    parser.add_argument("--seed", type=int, default=None)


def demo(context: Context) -> Result:
    """Play one run; exit 0 when it passed, 1 when it failed, 5 when it was void."""
    args, say = context.args, context.voice.say
    lab = context.lab()
    loaded = find(lab.around.scenarios_root, args.slug)
    play = args.play or next(iter(loaded.proof.plays))
    say(f"Bringing the stack up for “{loaded.scenario.title}”.")
    lab.up(lambda line: say(f"  {line}"), context.stop)
    seed = 1 if args.seed is None else args.seed
    refuse_while_going(lab)
    options = StartOptions(seed=seed, mode="watch", strike_seconds=loaded.proof.strike_seconds)
    try:
        client = start_run(lab, loaded, options)
        say("Waiting for the steady state.")
        report = Autopilot(lab, client, loaded, OnCall(loaded.scenario), play, say, context.stop).run()
    except BaseException:
        end_run(lab, "the demo was interrupted")
        raise
    say("The stack stays up for a look around; stop it with `lab down`.")
    return report_result(report)


def report_result(report: Report) -> Result:
    """A report as text and as JSON, with its exit code."""
    body = report.model_dump(mode="json", exclude={"checks"})
    code = OK if report.verdict == "pass" else FAILED if report.verdict == "fail" else VOID
    return Result(report_text(report), body, code)


def report_text(report: Report) -> str:
    """Both scores line by line, what failed, and where the evidence is."""
    lines = [""]
    for side, total in (("operated", report.operated), ("explained", report.explained)):
        lines.append(f"{side:<10} {total:5.1f} of 100")
        lines += [
            f"  {line.points:5.1f} of {line.of:<5.1f} {line.part:<20} {line.why}"
            for line in report.lines
            if line.side == side
        ]
    for check in report.checks:
        mark = {"pass": "✓", "fail": "✗", "unknown": "?"}[check.verdict]
        lines.append(f"  {mark} {check.kind} {check.name}: {check.why}")
    lines.append("")
    lines.append(f"{report.verdict.upper()}" + (f": {', '.join(report.failed)}" if report.failed else ""))
    if report.bundle:
        lines.append(f"evidence: {report.bundle}")
    return "\n".join(lines)
