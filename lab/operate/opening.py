"""Opening a lab from what a process knows of its surroundings; starts nothing."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from lab.cluster.embedded.provisioner import EmbeddedProvisioner
from lab.cluster.programs import ensure_prometheus
from lab.operate.baseline import Say
from lab.operate.lab import Lab, Surroundings
from lab.paths import LabPlaces, Places, lab_name, lab_places, places, scenarios_root, stack_root
from lab.settings import Settings, read_settings


def open_lab(environ: Mapping[str, str], home: Path, cwd: Path, name: str | None) -> Lab:
    """
    The lab of this folder, or the named one.

    Raises:
        SettingsError: the name, LAB_HOME or a setting cannot be used. MissingError: the installation is broken.
    """
    user = places(environ, home)
    settings = read_settings(user.settings_file, home)
    ours = lab_places(user, lab_name(cwd, name))
    around = Surroundings(
        user=user,
        places=ours,
        environ=environ,
        stack_root=stack_root(),
        scenarios_root=scenarios_root(),
        now=time.time,
        settings=settings,
    )
    programs = ours.directory / "programs"
    namespace = _namespace(ours)
    provisioner = EmbeddedProvisioner(
        ours.cluster,
        namespace,
        stack_root=around.stack_root,
        python=sys.executable,
        program_dirs=(programs,),
        kubeconfig=ours.kubeconfig,
        environ=environ,
    )
    return Lab(around, provisioner, namespace, lambda say: _link_programs(programs, user, settings, environ, say))


def _namespace(ours: LabPlaces) -> str:
    """An opaque name, the same for the same lab."""
    return f"team-{hashlib.sha256(str(ours.directory).encode()).hexdigest()[:6]}"


def _link_programs(folder: Path, user: Places, settings: Settings, environ: Mapping[str, str], say: Say) -> None:
    """Make Prometheus reachable for the lab's pods, fetching it where this machine has none."""
    path = environ.get("PATH", "")
    found = ensure_prometheus(user.cache, path=path, say=say, configured=settings.prometheus)
    folder.mkdir(parents=True, exist_ok=True)
    for name, program in (("prometheus", found.prometheus), ("promtool", found.promtool)):
        link = folder / name
        if program is None or (link.is_symlink() and link.readlink() == program):
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(program)
