"""Telling whether a file is a program that can be used here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from lab.cluster.programs.sources import Product, Programs, SourceFailed

_ANSWER_SECONDS = 20.0


def version_text(version: tuple[int, ...]) -> str:
    """The version as people write it: (2, 42, 0) is "2.42.0"."""
    return ".".join(str(part) for part in version)


def require_new_enough(product: Product, version: tuple[int, ...], what: str) -> None:
    """Raises SourceFailed where a version is older than what the stack needs."""
    if version < product.oldest:
        oldest = version_text(product.oldest)
        raise SourceFailed(f"{what} is version {version_text(version)}, and {oldest} or newer is needed")


def checked_programs(product: Product, program: Path, *, path: str, source: str) -> Programs:
    """
    The program at that path once it has answered `--version`, with its tool beside it or on `path`.

    Raises:
        SourceFailed: it does not start, is something else, or is too old.
    """
    try:
        answer = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_ANSWER_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceFailed(f"{program} does not start: {error}") from error
    stated = re.search(
        rf"^{re.escape(product.name)}, version (\d+)\.(\d+)\.(\d+)", answer.stdout + answer.stderr, re.MULTILINE
    )
    if stated is None:
        raise SourceFailed(f"{program} is not {product.kind}: its --version says nothing of one")
    version = tuple(int(part) for part in stated.groups())
    require_new_enough(product, version, str(program))
    beside = program.with_name(product.tool)
    elsewhere = shutil.which(product.tool, path=path)
    tool = beside if beside.is_file() else Path(elsewhere) if elsewhere else None
    return Programs(program=program, tool=tool, version=version_text(version), source=source)
