"""Which scenarios were touched since the work branched off: by commits, in the working tree, or new there."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from lab.errors import MissingError, SettingsError

MAIN = ("main", "origin/main")


def changed_scenarios(root: Path, environ: Mapping[str, str]) -> frozenset[str]:
    """
    Names of the folders below `root` that differ from where this branch left main; on main, from the last commit.

    Raises:
        SettingsError: the folder lies in no git repository, or that has no commit. MissingError: there is no git.
    """
    root = root.resolve()
    base = next((found for name in MAIN if (found := _git(root, environ, "merge-base", "HEAD", name))), ["HEAD"])[0]
    tracked = _git(root, environ, "diff", "--name-only", "--relative", "-z", base, "--", ".")
    new = _git(root, environ, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    if tracked is None or new is None:
        raise SettingsError(
            "Cannot tell what changed",
            f"{root} is in no git repository with a commit.",
            "Name the scenarios to prove: lab prove SLUG.",
        )
    names = {path.split("/", 1)[0] for path in (*tracked, *new)}
    return frozenset(name for name in names if (root / name).is_dir())


def _git(folder: Path, environ: Mapping[str, str], *args: str) -> list[str] | None:
    """The lines, or the parts between NULs, of what git says; None where it refuses."""
    clean = {key: value for key, value in environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(folder), *args]
    try:
        done = subprocess.run(
            command, env={**clean, "LC_ALL": "C"}, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise MissingError("git is missing", "telling what changed needs git.", "Install git, then repeat.") from error
    if done.returncode:
        return None
    return [part for part in done.stdout.replace("\0", "\n").split("\n") if part]
