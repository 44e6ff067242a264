"""A box for live tests: demos that are played again when void, and commands beside the test."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from tests import labbox
from tests.labbox import LAB, Done, eventually

__all__ = ["Box", "Done", "eventually"]

VOID = 5


@dataclass(frozen=True, slots=True)
class Box(labbox.Box):
    """A folder with its own LAB_HOME."""

    def demo(self, *argv: str) -> Done:
        """Play a run; one that is void, because the machine stood still, is played once more and never counted."""
        done = self.lab("demo", *argv, "--json")
        return self.lab("demo", *argv, "--json") if done.code == VOID else done

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Run one command beside the test."""
        return subprocess.Popen(
            [str(LAB), *argv],
            env=self.environ,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
