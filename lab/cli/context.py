"""What every command gets: its arguments, its lab, its voice, and the event that asks it to stop."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from lab.cli.output import Result, Voice
from lab.operate.lab import Lab


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of one command."""

    args: argparse.Namespace
    environ: Mapping[str, str]
    home: Path
    cwd: Path
    voice: Voice
    stop: Event

    def lab(self) -> Lab:
        """The lab that the command is about."""
        from lab.operate.opening import open_lab

        return open_lab(self.environ, self.home, self.cwd, self.args.lab, self.args.on)


Command = Callable[[Context], Result]
Subparsers = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add(
    group: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: Command, meaning: str
) -> argparse.ArgumentParser:
    """Add a command with the options that every command takes."""
    parser = group.add_parser(name, help=meaning, description=meaning)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    add_lab_options(parser, default=argparse.SUPPRESS)
    parser.set_defaults(run=run)
    return parser


def add_lab_options(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Which lab, and on what; commands suppress the default, so that `lab --on kind up` means the same."""
    parser.add_argument("--lab", metavar="NAME", default=default, help="another lab than this folder's")
    parser.add_argument(
        "--on",
        metavar="ENGINE",
        default=default,
        help="where the stack runs: embedded (default), kind, or context:NAME of your kubeconfig; "
        "a lab stays on its engine until `lab down`",
    )
