"""Which engine a lab is on: what a person asked for, what the lab remembers, and the provisioner that stands for it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from secrets import token_hex

from lab.cluster.access import context_names, kubeconfig_paths
from lab.cluster.embedded.options import ClusterOptions, NodeSize
from lab.cluster.embedded.provisioner import EmbeddedProvisioner
from lab.cluster.programs import ensure_alertmanager, ensure_prometheus
from lab.cluster.provision import Provisioner
from lab.errors import SettingsError
from lab.operate.baseline import Say
from lab.paths import LabPlaces, Places
from lab.settings import CONTEXT_PREFIX, Settings, is_engine


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine as a lab remembers it from `up` to `down`."""

    on: str
    """`embedded`, `kind` or `context:NAME`."""
    namespace: str
    own_namespace: bool = True
    """False where the namespace was there before the lab and stays after it."""
    images: str = ""
    """Registry and path before `mlops-lab/COMPONENT:TAG`; empty where the nodes hold the images."""
    options: tuple[str, ...] = ()
    """What the lab has beside its stack; see `lab.operate.options`."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A choice and what acts on it."""

    choice: Choice
    provisioner: Provisioner
    prepare: Callable[[Say], None]
    """Fetches what this machine must have before the cluster starts."""


class Memory:
    """The engine that a lab was brought up on, in a file of its state folder; there is none while it is down."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Choice | None:
        """The choice, or None when the lab is down."""
        try:
            found = Choice(**json.loads(self._file.read_text(encoding="utf-8")))
            return replace(found, options=tuple(found.options))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, choice: Choice) -> None:
        """Remember it, in one step."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(asdict(choice)), encoding="utf-8")
        beside.replace(self._file)

    def forget(self) -> None:
        """The lab is down."""
        self._file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Ground:
    """What making an engine needs to know of the process and the lab."""

    environ: Mapping[str, str]
    home: Path
    user: Places
    places: LabPlaces
    stack_root: Path
    settings: Settings


def choose(ground: Ground, on: str | None, remembered: Choice | None) -> Choice:
    """
    The engine to open: the one the lab is on, else the one asked for, else the one in the settings.

    Raises:
        SettingsError: there is no such engine or context, or the lab is on another one.
    """
    if on is not None:
        _require_known(ground, on)
    if remembered is not None:
        if on is None or on == remembered.on:
            return remembered
        if _holds_anything(ground, remembered):
            raise SettingsError(
                f"This lab is on {remembered.on}",
                f"it was brought up there, so it cannot be opened on {on} as well.",
                f"Run `lab down` first, or use a lab beside it: --lab NAME --on {on}.",
            )
    return fresh_choice(ground, on or ground.settings.on)


def fresh_choice(ground: Ground, on: str) -> Choice:
    """The choice of a lab that is down."""
    folder = hashlib.sha256(str(ground.places.directory).encode()).hexdigest()[:6]
    if not on.startswith(CONTEXT_PREFIX):
        return Choice(on, f"team-{folder}")
    given, images = ground.settings.namespace, ground.settings.images or ""
    if given is not None:
        return Choice(on, given, own_namespace=False, images=images)
    return Choice(on, f"team-{folder}-{token_hex(3)}", images=images)


def make_engine(ground: Ground, choice: Choice) -> Engine:
    """The provisioner of a choice; starts nothing."""
    if choice.on == "kind":
        from lab.cluster.kind import KindProvisioner

        kind = KindProvisioner(
            ground.places.cluster,
            choice.namespace,
            stack_root=ground.stack_root,
            kubeconfig=ground.places.kubeconfig,
            environ=ground.environ,
        )
        return Engine(choice, kind, _nothing)
    if choice.on.startswith(CONTEXT_PREFIX):
        from lab.cluster.context import ContextProvisioner

        context = ContextProvisioner(
            ground.places.cluster,
            choice.namespace,
            context=choice.on.removeprefix(CONTEXT_PREFIX),
            sources=kubeconfig_paths(ground.environ, ground.home),
            own_namespace=choice.own_namespace,
            images=choice.images,
            access=ground.stack_root / "platform" / "real" / "access.yaml",
            kubeconfig=ground.places.kubeconfig,
            environ=ground.environ,
        )
        return Engine(choice, context, _nothing)
    programs = ground.places.directory / "programs"
    return Engine(choice, _embedded(ground, choice, programs), lambda say: _link_programs(ground, programs, say))


def accepted(ground: Ground) -> tuple[str, ...]:
    """Everything that `--on` takes here, the contexts of the user's kubeconfig included."""
    names = context_names(kubeconfig_paths(ground.environ, ground.home))
    return ("embedded", "kind", *(f"{CONTEXT_PREFIX}{name}" for name in names))


def _require_known(ground: Ground, on: str) -> None:
    known = accepted(ground)
    if on in known:
        return
    what = f"{on!r} is not a context of your kubeconfig." if is_engine(on) else f"{on!r} is not an engine."
    names = ", ".join(known)
    raise SettingsError("Unknown engine", what, f"--on takes: {names}{'' if len(known) > 2 else ', context:NAME'}.")


def _holds_anything(ground: Ground, remembered: Choice) -> bool:
    """Whether anything of the lab may be left there; an embedded cluster without processes is gone, as after a boot."""
    if remembered.on != "embedded":
        return True
    return bool(make_engine(ground, remembered).provisioner.pids())


def _embedded(ground: Ground, choice: Choice, programs: Path) -> EmbeddedProvisioner:
    return EmbeddedProvisioner(
        ground.places.cluster,
        choice.namespace,
        stack_root=ground.stack_root,
        python=sys.executable,
        program_dirs=(programs,),
        kubeconfig=ground.places.kubeconfig,
        environ=ground.environ,
        options=ClusterOptions(node=NodeSize(extended={"nvidia.com/gpu": 1})),
    )


def _nothing(say: Say) -> None:
    """Nothing to fetch: the cluster brings its programs as images."""


def _link_programs(ground: Ground, folder: Path, say: Say) -> None:
    """Make Prometheus and Alertmanager reachable for the lab's pods, fetching what this machine has none of."""
    path, cache, settings = ground.environ.get("PATH", ""), ground.user.cache, ground.settings
    prometheus = ensure_prometheus(cache, path=path, say=say, configured=settings.prometheus)
    alertmanager = ensure_alertmanager(cache, path=path, say=say, configured=settings.alertmanager)
    folder.mkdir(parents=True, exist_ok=True)
    for name, program in (
        ("prometheus", prometheus.program),
        ("promtool", prometheus.tool),
        ("alertmanager", alertmanager.program),
        ("amtool", alertmanager.tool),
    ):
        link = folder / name
        if program is None or (link.is_symlink() and link.readlink() == program):
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(program)
