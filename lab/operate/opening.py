"""Opening a lab from what a process knows of its surroundings; starts nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from lab.operate.engines import Ground, Memory, choose, make_engine
from lab.operate.lab import Lab, Surroundings
from lab.paths import lab_name, lab_places, places, scenarios_root, stack_root
from lab.settings import read_settings


def open_lab(environ: Mapping[str, str], home: Path, cwd: Path, name: str | None, on: str | None = None) -> Lab:
    """
    The lab of this folder, or the named one, on the engine that it is up on, else on the one asked for.

    Raises:
        SettingsError: the name, LAB_HOME, a setting or the engine cannot be used. MissingError: the installation is
            broken.
    """
    user = places(environ, home)
    settings = read_settings(user.settings_file, home)
    ours = lab_places(user, lab_name(cwd, name))
    ground = Ground(environ, home, user, ours, stack_root(), settings)
    memory = Memory(ours.directory / "engine.json")
    around = Surroundings(
        user=user,
        places=ours,
        environ=environ,
        stack_root=ground.stack_root,
        scenarios_root=scenarios_root(),
        now=time.time,
        settings=settings,
    )
    return Lab(around, make_engine(ground, choose(ground, on, memory.read())), memory)
