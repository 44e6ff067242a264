"""One lab: its cluster, its platform repo, its Prometheus, and the verbs that act on the whole of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from lab.cluster.client import Cluster
from lab.cluster.lodging import OURS
from lab.errors import ClusterError, ClusterTimeout, ClusterUnavailable, LabError, MissingError
from lab.operate import baseline
from lab.operate.baseline import Say
from lab.operate.engines import Engine, Memory
from lab.operate.options import Option, apply_option, await_option, read_option
from lab.operate.platform import PlatformRepo
from lab.paths import LabPlaces, Places
from lab.settings import Settings
from lab.telemetry.alertmanager import Alertmanager
from lab.telemetry.prometheus import Prometheus
from lab.telemetry.registry import ModelRegistry, RegistryError

READY_SECONDS = 120.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process knows of where it runs; made once at its entry."""

    user: Places
    places: LabPlaces
    environ: Mapping[str, str]
    stack_root: Path
    scenarios_root: Path
    now: Callable[[], float]
    settings: Settings

    @property
    def platform_source(self) -> Path:
        """What a platform repo starts from."""
        return self.stack_root / "platform"


class Lab:
    """The stack of one lab; opening it starts nothing."""

    def __init__(self, around: Surroundings, engine: Engine, memory: Memory) -> None:
        self.around = around
        self.engine = engine
        self.provisioner = engine.provisioner
        self._memory = memory
        scope = "" if engine.choice.own_namespace else OURS
        self.cluster = Cluster(around.places.kubeconfig, engine.choice.namespace, around.environ, scope=scope)
        self.repo = PlatformRepo(around.places.platform_repo, around.environ)
        self._prometheus: Prometheus | None = None
        self._alertmanager: Alertmanager | None = None
        self._registry: ModelRegistry | None = None

    @property
    def prometheus(self) -> Prometheus:
        """The lab's Prometheus; raises ClusterUnavailable when the stack is down."""
        if self._prometheus is None:
            self._prometheus = Prometheus(self.provisioner.service_url("prometheus"))
        return self._prometheus

    @property
    def alertmanager(self) -> Alertmanager:
        """The lab's Alertmanager; raises ClusterUnavailable when the stack is down."""
        if self._alertmanager is None:
            self._alertmanager = Alertmanager(self.provisioner.service_url("alertmanager"))
        return self._alertmanager

    @property
    def registry(self) -> ModelRegistry:
        """The lab's model registry; raises ClusterUnavailable when the stack is down."""
        if self._registry is None:
            self._registry = ModelRegistry(self.provisioner.service_url("registry"))
        return self._registry

    def up(self, say: Say, stop: Event) -> None:
        """
        Start the stack, or finish starting it; returns when every component is ready and Prometheus sees them.

        Raises:
            MissingError: the machine lacks something. ClusterTimeout: it did not get ready; says why.
        """
        started = time.monotonic()
        self._start_cluster(say)
        if self._fingerprint_file.exists() and self.cluster.list("Deployment"):
            say("the stack is already up" if self.is_ready() else "the stack is up, but not all of it is ready")
            return
        self._restore_repo()
        say("applying the platform repo")
        self._deploy(say, stop)
        say(f"ready in {time.monotonic() - started:.1f} s")

    def reset(self, say: Say, stop: Event) -> None:
        """Put everything back to the baseline, whatever was done to it; starts the cluster when it is down."""
        started = time.monotonic()
        self._start_cluster(say)
        self._fingerprint_file.unlink(missing_ok=True)
        self._restore_repo()
        say("clearing the namespace")
        options = self._options()
        beside = [item for option in options for item in option.objects]
        baseline.clear(self.cluster, (*self.repo.objects(), *beside), stop)
        self._deploy(say, stop)
        baseline.await_gone(self.cluster, stop)
        say(f"back at the baseline in {time.monotonic() - started:.1f} s")

    def add_options(self, names: tuple[str, ...], say: Say, stop: Event) -> None:
        """Bring up what a lab can have beside its stack, which is up; what cannot be had is said, not waited for."""
        remembered = self._memory.read() or self.engine.choice
        every = tuple(dict.fromkeys((*remembered.options, *names)))
        self._memory.write(replace(remembered, options=every))
        pristine = self.is_pristine()
        options = [option for option in self._options() if option.name in names]
        for option in options:
            apply_option(self.cluster, option)
        if pristine:
            self._write_fingerprint()
        for option in options:
            await_option(self.cluster, option, self.provisioner.engine, self.around.environ, say, stop)

    def down(self, *, forget: bool = False) -> None:
        """
        Stop everything of this lab; idempotent. `forget` gives up what a cluster that is gone for good would hold.

        Raises:
            ClusterError, MissingError: the cluster, or what is needed to reach it, does not answer, and it is not to be
                forgotten.
        """
        self._fingerprint_file.unlink(missing_ok=True)
        self._prometheus = self._alertmanager = self._registry = None
        try:
            self.provisioner.down()
        except (ClusterError, MissingError):
            if not forget:
                raise
            shutil.rmtree(self.around.places.cluster, ignore_errors=True)
            self.around.places.kubeconfig.unlink(missing_ok=True)
        self._memory.forget()

    @property
    def never_started(self) -> bool:
        """Whether this lab has never been brought up."""
        return self._memory.read() is None and not self._template.exists()

    def is_up(self) -> bool:
        """Whether the lab's Kubernetes API answers."""
        return self.provisioner.is_up()

    def is_ready(self) -> bool:
        """Whether the stack is deployed and every Deployment of it is rolled out."""
        try:
            found = baseline.stack_deployments(self.cluster)
        except ClusterError:
            return False
        return bool(found) and all(baseline.rolled_out(item) for item in found)

    def is_pristine(self) -> bool:
        """Whether nothing was changed since the baseline was deployed, and all of it is ready."""
        if not self._fingerprint_file.exists() or not self.is_ready():
            return False
        try:
            return self._fingerprint_file.read_text() == self._fingerprint()
        except RegistryError:
            return False

    def urls(self) -> dict[str, str]:
        """Addresses that a person may open, by name; empty when the stack is down."""
        if not self.is_up():
            return {}
        found: dict[str, str] = {}
        remembered = self._memory.read()
        options = remembered.options if remembered is not None else ()
        for name in (
            "gateway", "feed", "monitor", "model-server", "registry", "billing", "prometheus", "alertmanager", *options,
        ):  # fmt: skip
            try:
                found[name] = self.provisioner.service_url(name)
            except LabError:
                continue
        return found

    def baseline_floors(self, replicas: Mapping[str, int]) -> dict[str, int]:
        """
        Replicas that each Deployment of the baseline asks for, less what its strategy lets be unavailable.

        `replicas` (by `deployment/NAME`) takes the place of what the baseline says.
        """
        floors: dict[str, int] = {}
        for item in PlatformRepo(self._template, self.around.environ).objects():
            if item["kind"] == "Deployment":
                name = str(item["metadata"]["name"])
                count = replicas.get(f"deployment/{name}", item["spec"].get("replicas", 1))
                floors[name] = baseline.floor_of({**item, "spec": {**item["spec"], "replicas": count}})
        return floors

    def registered_models(self) -> dict[str, str]:
        """sha256 of every registered model version, by `NAME/VERSION`."""
        state = self.registry.state()
        return {f"{state.model}/{version}": sha256 for version, sha256 in state.versions.items()}

    def _fingerprint(self) -> str:
        state = self.registry.state()
        return baseline.fingerprint(self.cluster, self.repo.head(), (state.aliases, state.versions))

    @property
    def _template(self) -> Path:
        return self.around.places.directory / "platform.template"

    @property
    def _fingerprint_file(self) -> Path:
        return self.around.places.directory / "baseline.json"

    def _start_cluster(self, say: Say) -> None:
        """Bring the cluster up; what it is on is remembered before anything of it exists."""
        self.engine.prepare(say)
        fresh = self._memory.read() is None
        if fresh:
            self._write_template()
            self._memory.write(self.engine.choice)
        try:
            self.provisioner.up(say)
        except MissingError:
            if fresh:
                self._memory.forget()
            raise
        self.provisioner.load(baseline.shipped_images(self.around.stack_root))

    def _write_template(self) -> None:
        """What the platform repo is put back to; whole, or not there."""
        beside = self._template.with_suffix(".new")
        PlatformRepo(beside, self.around.environ).create(
            self.around.platform_source, self.around.now(), images=self.engine.choice.images
        )
        if self._template.exists():
            shutil.rmtree(self._template)
        beside.rename(self._template)

    def _restore_repo(self) -> None:
        if not PlatformRepo(self._template, self.around.environ).exists():
            self._write_template()
        self.repo.restore(self._template)

    def _deploy(self, say: Say, stop: Event) -> None:
        baseline.deploy_baseline(self.cluster, self.repo, self.around.platform_source)
        for option in self._options():
            apply_option(self.cluster, option)
        baseline.await_ready(self.cluster, READY_SECONDS, say, stop)
        self._prometheus = self._alertmanager = self._registry = None
        self._await_prometheus(stop)
        self._write_fingerprint()

    def _write_fingerprint(self) -> None:
        self._fingerprint_file.write_text(self._fingerprint())

    def _options(self) -> tuple[Option, ...]:
        remembered = self._memory.read()
        names = remembered.options if remembered is not None else ()
        return tuple(read_option(self.around.stack_root, name, self.around.environ) for name in names)

    def _await_prometheus(self, stop: Event) -> None:
        """Wait until Prometheus answers; its first figures come some seconds later, when it has found its targets."""
        end = time.monotonic() + READY_SECONDS
        while True:
            try:
                if self.prometheus.ready():
                    return
            except LabError:
                self._prometheus = None
            if time.monotonic() > end or stop.wait(_POLL_SECONDS):
                raise ClusterTimeout(
                    "Prometheus does not answer",
                    "its pod is ready, but no query was answered.",
                    "Look with `lab ops logs deployment/prometheus`.",
                )


def require_up(lab: Lab) -> None:
    """Raise ClusterUnavailable with the next step when the stack is down."""
    if not lab.is_up():
        raise ClusterUnavailable("The stack is down", "no cluster of this lab answers.", "Start it with `lab up`.")
