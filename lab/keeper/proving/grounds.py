"""Throw-away homes for proofs: one per process that proves, and what an ended process left is cleared away."""

from __future__ import annotations

import fcntl
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lab.errors import LabError
from lab.keeper.runs import end_run, stop_keepers
from lab.operate.lab import Lab
from lab.operate.opening import open_lab
from lab.paths import Places

Say = Callable[[str], None]

_OWNER = "owner.lock"
_HOME = "home"


@dataclass(frozen=True, slots=True)
class Ground:
    """The home of the labs of one proving process."""

    folder: Path
    environ: Mapping[str, str]
    user_home: Path
    on: str | None

    def lab(self, name: str) -> Lab:
        """A lab of this home; opening it starts nothing."""
        return open_lab(self.environ, self.user_home, self.folder, name, self.on)


@contextmanager
def grounds(user: Places, environ: Mapping[str, str], user_home: Path, on: str | None, say: Say) -> Iterator[Ground]:
    """
    A fresh ground that is this process's alone, without anything left behind by those that are gone.

    It shares the user's cache and settings. At the end every lab on it is taken down and the folder goes; what
    resists stays for the next one to clear.
    """
    root = user.state / "proving"
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / "lock", wait=True):
        _sweep(root, environ, user_home, say)
        folder = root / secrets.token_hex(3)
        _furnish(folder, user)
        owner = _take(folder / _OWNER)
    assert owner is not None
    with owner:
        ground = Ground(folder, _environ(environ, folder), user_home, on)
        try:
            yield ground
        finally:
            with suppress(LabError):
                _clear(ground)


def take_down(lab: Lab) -> None:
    """End the lab's run, its keepers and everything that it started."""
    with suppress(LabError):
        end_run(lab, "the proof is over")
    stop_keepers(lab)
    lab.down()


def _sweep(root: Path, environ: Mapping[str, str], user_home: Path, say: Say) -> None:
    """Take down and remove the grounds whose owner is gone; one that cannot be cleared stays and is named."""
    for folder in sorted(one for one in root.iterdir() if one.is_dir()):
        owner = _take(folder / _OWNER)
        if owner is None:
            continue
        with owner:
            try:
                _clear(Ground(folder, _environ(environ, folder), user_home, None))
                say("Cleared what an earlier proof had left behind.")
            except LabError as error:
                say(f"Left behind by an earlier proof in {folder}: {error.message} {error.next_step}")


def _clear(ground: Ground) -> None:
    labs = ground.folder / _HOME / "state" / "labs"
    for folder in sorted(labs.iterdir()) if labs.is_dir() else ():
        take_down(ground.lab(folder.name))
    shutil.rmtree(ground.folder, ignore_errors=True)


def _furnish(folder: Path, user: Places) -> None:
    home = folder / _HOME
    home.mkdir(parents=True, mode=0o700)
    for name, target in (("cache", user.cache), ("config", user.config)):
        target.mkdir(parents=True, exist_ok=True)
        (home / name).symlink_to(target)


def _environ(environ: Mapping[str, str], folder: Path) -> Mapping[str, str]:
    return {**environ, "LAB_HOME": str(folder / _HOME)}


def _take(path: Path) -> IO[str] | None:
    """The lock of a file, or None when another process holds it; the system lets go of it when its holder dies."""
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle


@contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
