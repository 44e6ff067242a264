"""Running a program of somebody else's in front, until it ends or the user interrupts."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_SECONDS = 5.0


def run_until_interrupted(argv: Sequence[str], environ: Mapping[str, str], log: Path) -> int:
    """The program's exit code, its words in `log`; 0 when the user interrupted, after which it has ended."""
    with log.open("wb") as output:
        process = subprocess.Popen(argv, env=dict(environ), stdout=output, stderr=subprocess.STDOUT)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
