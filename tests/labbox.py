"""A lab of its own with real processes, driven as a user would, by the `lab` command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

LAB = Path(sys.prefix) / "bin" / "lab"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Box:
    """A folder with its own LAB_HOME."""

    folder: Path
    cache: Path

    @property
    def environ(self) -> dict[str, str]:
        home = self.folder / "home"
        if not home.exists():
            home.mkdir()
            self.cache.mkdir(parents=True, exist_ok=True)
            (home / "cache").symlink_to(self.cache)
        clean = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
        return {**clean, "LAB_HOME": str(home), **self.more()}

    def more(self) -> dict[str, str]:
        """What else its commands find in their environment."""
        return {}

    def lab(self, *argv: str, timeout: float = 400) -> Done:
        """Run one command to its end; a traceback is a failure whatever it was."""
        done = subprocess.run(
            [str(LAB), *argv],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def status(self) -> Any:
        return self.lab("status", "--json").json

    def processes(self) -> list[psutil.Process]:
        """Every process that has this box's folder in its command line or environment."""
        found = []
        for process in psutil.process_iter():
            try:
                words = " ".join(process.cmdline()) + " ".join(process.environ().values())
            except psutil.Error:
                continue
            if str(self.folder) in words and process.pid != os.getpid():
                found.append(process)
        return found


def eventually(look: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until it holds, else fail with what was awaited."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.2)
