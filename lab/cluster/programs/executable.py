"""Telling whether a file is a Prometheus that can be used here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from lab.cluster.programs.sources import OLDEST, Programs, SourceFailed

_VERSION = re.compile(r"^prometheus, version (\d+)\.(\d+)\.(\d+)", re.MULTILINE)
_ANSWER_SECONDS = 20.0


def version_text(version: tuple[int, ...]) -> str:
    """The version as people write it: (2, 42, 0) is "2.42.0"."""
    return ".".join(str(part) for part in version)


def require_new_enough(version: tuple[int, ...], what: str) -> None:
    """Raises SourceFailed where a version is older than what the stack needs."""
    if version < OLDEST:
        raise SourceFailed(f"{what} is version {version_text(version)}, and {version_text(OLDEST)} or newer is needed")


def checked_programs(prometheus: Path, *, path: str, source: str) -> Programs:
    """
    The program at that path once it has answered `--version`, with the promtool beside it or on `path`.

    Raises:
        SourceFailed: it does not start, is something else, or is too old.
    """
    try:
        answer = subprocess.run(
            [prometheus, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_ANSWER_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceFailed(f"{prometheus} does not start: {error}") from error
    stated = _VERSION.search(answer.stdout + answer.stderr)
    if stated is None:
        raise SourceFailed(f"{prometheus} is not a Prometheus server: its --version says nothing of one")
    version = tuple(int(part) for part in stated.groups())
    require_new_enough(version, str(prometheus))
    beside = prometheus.with_name("promtool")
    elsewhere = shutil.which("promtool", path=path)
    promtool = beside if beside.is_file() else Path(elsewhere) if elsewhere else None
    return Programs(prometheus=prometheus, promtool=promtool, version=version_text(version), source=source)
