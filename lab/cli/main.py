"""`lab`: the headless twin of the TUI, and the way into it."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Event
from types import FrameType

from lab.cli import checks, demo, doctor, images, incident, notes, ops, prove, stack, try_scenario
from lab.cli.context import Context, add_lab_options
from lab.cli.output import USAGE, Voice
from lab.errors import LabError, RunVoid
from lab.paths import places

INTERRUPTED = 130


def entry() -> None:
    """The console script."""
    raise SystemExit(main(sys.argv[1:], os.environ, Path.home(), Path.cwd()))


def main(argv: Sequence[str], environ: Mapping[str, str], home: Path, cwd: Path) -> int:
    """Run one command and return its exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    stop = Event()
    _stop_on_signals(stop)
    if getattr(args, "run", None) is None:
        return _bare(parser, args, environ, home, cwd, stop)
    voice = Voice(args.json)
    try:
        return voice.give(args.run(Context(args, environ, home, cwd, voice, stop)))
    except LabError as error:
        return voice.refuse(error)
    except KeyboardInterrupt:
        voice.say("Interrupted. `lab status` says where things stand.")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return INTERRUPTED
    except Exception:
        return _broken(voice, environ, home)


def _broken(voice: Voice, environ: Mapping[str, str], home: Path) -> int:
    """A fault of the lab's own: the details go to the log, a person gets three lines."""
    log = places(environ, home).log
    log.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(log, maxBytes=1_000_000, backupCount=2, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("lab.cli")
    logger.addHandler(handler)
    logger.exception("a command failed")
    logger.removeHandler(handler)
    handler.close()
    return voice.refuse(
        RunVoid(
            "The lab itself failed",
            f"this is a fault of ours; what happened is in {log}.",
            "Run `lab status`, then repeat.",
        )
    )


def build_parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = argparse.ArgumentParser(prog="lab", description="Learn to keep machine-learning systems alive.")
    add_lab_options(parser, default=None)
    parser.add_argument("--version", action="version", version=_version())
    group = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in (doctor, stack, demo, incident, ops, notes, checks, prove, try_scenario, images):
        module.register(group)
    return parser


def _bare(
    parser: argparse.ArgumentParser,
    args: argparse.Namespace,
    environ: Mapping[str, str],
    home: Path,
    cwd: Path,
    stop: Event,
) -> int:
    """`lab` alone: the TUI on a terminal, the list of commands elsewhere."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        parser.print_help(sys.stderr)
        return USAGE
    voice = Voice(False)
    try:
        from lab.tui.app import run_app
        from lab.tui.live import LiveBackend

        context = Context(args, environ, home, cwd, voice, stop)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        return run_app(LiveBackend(context.lab()))
    except LabError as error:
        return voice.refuse(error)


def _stop_on_signals(stop: Event) -> None:
    """The first SIGINT, SIGTERM or SIGHUP asks to stop and interrupts what waits; the second one insists."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)


def _version() -> str:
    from lab.keeper.evidence import lab_version

    return f"lab {lab_version()}"
