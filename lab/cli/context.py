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

        return open_lab(self.environ, self.home, self.cwd, self.args.lab)


Command = Callable[[Context], Result]
Subparsers = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add(
    group: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: Command, meaning: str
) -> argparse.ArgumentParser:
    """Add a command with the options that every command takes."""
    parser = group.add_parser(name, help=meaning, description=meaning)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--lab", metavar="NAME", default=None, help="another lab than this folder's")
    parser.set_defaults(run=run)
    return parser
