"""Keeper processes: started detached, one per run, told from others by pid and start time."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import psutil

from lab.keeper.files import KeeperAddress, RunFiles


def spawn(files: RunFiles, lab_folder: Path, environ: Mapping[str, str] | None = None) -> None:
    """
    Start a keeper for the run; a second one for the same run finds the lock taken and leaves.

    `environ` names the home of the lab; None means the environment of this process.
    """
    with files.log.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "lab.keeper", "--lab", lab_folder.name, "--run", files.run_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env=None if environ is None else dict(environ),
        )


def is_alive(address: KeeperAddress) -> bool:
    """Whether that very process still runs."""
    try:
        process = psutil.Process(address.pid)
        return abs(process.create_time() - address.started) < 0.01 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def stop(files: RunFiles, patience_seconds: float = 3.0) -> None:
    """End the keeper of a run, kindly first; a keeper that is not there is fine."""
    address = files.address()
    if address is None or not is_alive(address):
        return
    process = psutil.Process(address.pid)
    try:
        process.terminate()
        process.wait(patience_seconds)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.NoSuchProcess:
        return


def take_lock(files: RunFiles) -> IO[str] | None:
    """The lock that makes a keeper the only one of its run; None when another one holds it. Keep the file open."""
    handle = (files.folder / "keeper.lock").open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle
