"""Opening a lab from what a process knows of its surroundings; starts nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.cluster.access import context_names, kubeconfig_paths
from lab.operate.engines import Choice, Engine, Ground, Memory, choose, fresh_choice, make_engine
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
    ground, memory = _ground(environ, home, cwd, name)
    return _lab(ground, choose(ground, on, memory.read()), memory)


@dataclass(frozen=True, slots=True)
class Survey:
    """A lab with every engine that it could run on, for looking at them."""

    lab: Lab
    """On the engine that was asked for, else on its own."""
    remembered: bool
    """Whether the lab is up on that engine, or was not taken down."""
    others: tuple[Engine, ...]
    contexts: tuple[str, ...]
    """Names of the contexts of the user's kubeconfig."""


def survey(environ: Mapping[str, str], home: Path, cwd: Path, name: str | None, on: str | None) -> Survey:
    """
    The lab as `open_lab` gives it, but on any engine, wherever it is up; and the other engines of this machine.

    Raises:
        SettingsError: as `open_lab`.
    """
    ground, memory = _ground(environ, home, cwd, name)
    found = memory.read()
    remembered = found if found is not None and on in (None, found.on) else None
    lab = _lab(ground, choose(ground, on, remembered), memory)
    others = tuple(
        make_engine(ground, fresh_choice(ground, one)) for one in ("embedded", "kind") if one != lab.engine.choice.on
    )
    contexts = context_names(kubeconfig_paths(environ, home))
    return Survey(lab, remembered is not None, others, contexts)


def _ground(environ: Mapping[str, str], home: Path, cwd: Path, name: str | None) -> tuple[Ground, Memory]:
    user = places(environ, home)
    settings = read_settings(user.settings_file, home)
    ours = lab_places(user, lab_name(cwd, name))
    return Ground(environ, home, user, ours, stack_root(), settings), Memory(ours.directory / "engine.json")


def _lab(ground: Ground, choice: Choice, memory: Memory) -> Lab:
    around = Surroundings(
        user=ground.user,
        places=ground.places,
        environ=ground.environ,
        stack_root=ground.stack_root,
        scenarios_root=scenarios_root(),
        now=time.time,
        settings=ground.settings,
    )
    return Lab(around, make_engine(ground, choice), memory)
