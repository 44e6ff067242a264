"""A namespace in any Kubernetes that the user's kubeconfig knows."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex

import yaml

from lab.cluster import lodging
from lab.cluster.access import single_context
from lab.cluster.client import Cluster, Object
from lab.cluster.connection import sweep_keys
from lab.cluster.forward import Forward
from lab.cluster.furniture import api_sources, furnish, furniture_objects
from lab.cluster.lodging import Lodging
from lab.cluster.permissions import advice, missing, needs, user_of
from lab.cluster.provision import ClusterAddress, Finding, ImageSpec
from lab.errors import ClusterError, ClusterUnavailable, LabError, MissingError

_TRIED = "mlops-lab-tried-"
_REQUIRED = ("Role", "RoleBinding")
"""Furniture without which the stack does not work; the rest is applied where the account may."""


class ContextProvisioner:
    """One lab in one namespace of a cluster that is not ours; the user's own kubeconfig is read and never written to.

    `sources` are the user's kubeconfig files and `access` is the manifest of discovery's Role. `images` is the registry
    and path that images of ours are pulled from; empty means that the nodes hold them.
    """

    def __init__(
        self,
        state_dir: Path,
        namespace: str,
        *,
        context: str,
        sources: Sequence[Path],
        own_namespace: bool,
        images: str,
        access: Path,
        kubeconfig: Path,
        environ: Mapping[str, str],
    ) -> None:
        self.engine = f"context:{context}"
        self._state_dir = state_dir
        self._namespace = namespace
        self._context = context
        self._sources = tuple(sources)
        self._own_namespace = own_namespace
        self._images = images
        self._access = access
        self._kubeconfig = kubeconfig
        self._environ = environ
        self._forward = Forward(state_dir / "forward", environ=environ)

    def preflight(self) -> tuple[Finding, ...]:
        """What the context has and what the account may; asks the cluster, and changes nothing."""
        try:
            config = single_context(self._sources, self._context)
        except MissingError as error:
            return (Finding("context", False, error.message, error.next_step),)
        login = self._login(config)
        if not login.ok:
            return (login,)
        with self._tried(config) as cluster:
            return (Finding("context", True, self._context, ""), login, *self._examined(cluster))

    def up(self, say: Callable[[str], None]) -> ClusterAddress:
        """Take the namespace, or come back to it; see `Provisioner.up`.

        Raises:
            MissingError: no such context, no answer, or something is not allowed; nothing was made.
            ClusterError: the cluster refused or failed on the way.
        """
        self._state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._exclusive():
            say(f"looking at what you may do on {self._context}")
            for finding in self.preflight():
                if not finding.ok:
                    raise MissingError(f"{self.engine} cannot be used", finding.found, finding.next_step)
            self._write_kubeconfig(single_context(self._sources, self._context))
            cluster = self._cluster()
            say(f"namespace {self._namespace} on {self._context}")
            self._lodging(cluster, self._mark(make=True)).enter()
            self._furnish(cluster, say)
            say(f"images: {self._where_images()}")
        return ClusterAddress(self.engine, self._kubeconfig, self._namespace)

    def load(self, images: Sequence[ImageSpec]) -> None:
        """Nothing to push: the cluster pulls images, or its nodes hold them, as `up` says."""

    def service_url(self, service: str) -> str:
        """The loopback address of the Service; starts the forwarder where it does not run.

        Raises:
            ClusterUnavailable: the lab is not up there.
            NotFound: there is no such Service.
        """
        if not self._is_ours(self._kubeconfig):
            raise ClusterUnavailable("The stack is down", f"no lab is up on {self.engine}.", "Start it: lab up.")
        self._cluster().get("Service", service)
        url = self._forward.url(service)
        if url is None:
            with self._exclusive():
                if self._is_ours(self._kubeconfig):
                    self._forward.ensure(self._kubeconfig, self._namespace, [service])
            url = self._forward.url(service)
        if url is None:
            raise ClusterUnavailable("No address", f"{service} is not forwarded.", "Run `lab up`.")
        return url

    def is_up(self) -> bool:
        """Whether the namespace answers now."""
        if not self._is_ours(self._kubeconfig):
            return False
        try:
            self._cluster().list("Deployment")
        except ClusterError:
            return False
        return True

    def pids(self) -> tuple[int, ...]:
        """The forwarder's process; everything else runs in the cluster."""
        return self._forward.pids()

    def down(self) -> None:
        """Delete the namespace, or all of the lab in one that stays; end the forwarder; forget the credentials.

        Raises:
            ClusterError: the cluster does not answer or refuses; what is left is named, and down can be repeated.
        """
        if not self._state_dir.exists():
            return
        with self._exclusive():
            self._forward.end()
            leaving = self._state_dir / "kubeconfig.leaving"
            if self._is_ours(self._kubeconfig):
                self._kubeconfig.replace(leaving)
            if self._is_ours(leaving):
                self._leave(Cluster(leaving, self._namespace, self._environ))
            leaving.unlink(missing_ok=True)
            for tried in self._state_dir.glob(f"{_TRIED}*"):
                shutil.rmtree(tried, ignore_errors=True)
            for file in (self._kubeconfig, leaving):
                sweep_keys(file)

    def _leave(self, cluster: Cluster) -> None:
        try:
            self._lodging(cluster, self._mark()).leave()
        except ClusterUnavailable as error:
            raise ClusterUnavailable(
                "The cluster does not answer",
                f"namespace {self._namespace} of {self._context} cannot be cleared: {error.message}",
                "Run `lab down` again when it answers; if it is gone for good: lab down --forget.",
            ) from error

    def _examined(self, cluster: Cluster) -> Iterator[Finding]:
        """What the cluster itself says; ends at the first thing that stops the rest."""
        try:
            yield Finding("cluster", True, cluster.version(), "")
        except ClusterError as error:
            yield Finding("cluster", False, error.message, self._unanswered(error))
            return
        try:
            yield self._permissions(cluster)
            yield self._lodging(cluster, self._mark()).finding()
        except LabError as error:
            yield Finding("permissions", False, error.message, error.next_step)
        yield Finding("images", True, self._where_images(), "")

    def _permissions(self, cluster: Cluster) -> Finding:
        wanted = needs(self._roles(), own_namespace=self._own_namespace)
        lacking = missing(cluster, wanted)
        if not lacking:
            return Finding("permissions", True, f"all {len(wanted)} that the lab needs", "")
        names = "\n".join(f"  {need}" for need in lacking)
        where = f"namespace {self._namespace}" if not self._own_namespace else "a namespace of its own"
        user = user_of(cluster)
        return Finding(
            "permissions",
            False,
            f"{user} may not, in {where}:\n{names}",
            advice(lacking, self._namespace, user, own_namespace=self._own_namespace),
        )

    def _login(self, config: Object) -> Finding:
        """Whether the program that logs in, where the kubeconfig names one, is there."""
        program = str((config["users"][0]["user"].get("exec") or {}).get("command", ""))
        if not program:
            return Finding("login", True, "credentials in the kubeconfig", "")
        found = shutil.which(program, path=self._environ.get("PATH", ""))
        return Finding(
            "login", found is not None, found or f"{program} is not on PATH", "" if found else f"Install {program}."
        )

    def _unanswered(self, error: ClusterError) -> str:
        if isinstance(error, ClusterUnavailable):
            return f"See whether this answers: kubectl --context {self._context} version"
        return error.next_step

    def _furnish(self, cluster: Cluster, say: Callable[[str], None]) -> None:
        roles = self._roles()
        refused = furnish(cluster, roles)
        if refused:
            first = refused[0]
            raise ClusterError("Refused by the cluster", f"{first.kind} {first.name}: {first.why}", "Run `lab doctor`.")
        if not self._own_namespace:
            return
        sources = api_sources(self._kubeconfig, self._environ)
        rest = [
            item
            for item in furniture_objects(self._namespace, self._access, sources)
            if item["kind"] not in _REQUIRED and (sources or item["kind"] != "NetworkPolicy")
        ]
        for refusal in furnish(cluster, rest):
            say(f"goes on without {refusal.kind} {refusal.name}, which the cluster refused")

    def _roles(self) -> list[Object]:
        every = furniture_objects(self._namespace, self._access)
        return [item for item in every if item["kind"] in _REQUIRED]

    def _mark(self, *, make: bool = False) -> str:
        """What tells this lab from every other one, also from one in the same folder of another machine."""
        file = self._state_dir / "owner"
        if make and not file.exists():
            file.write_text(token_hex(8), encoding="ascii")
        return file.read_text(encoding="ascii") if file.exists() else ""

    def _lodging(self, cluster: Cluster, mark: str) -> Lodging:
        return lodging.own(cluster, mark) if self._own_namespace else lodging.guest(cluster, mark, self._roles())

    def _where_images(self) -> str:
        if self._images:
            return f"pulled from {self._images}/mlops-lab/COMPONENT:TAG"
        return "mlops-lab/COMPONENT:TAG, which the nodes must hold (docs/anywhere.md)"

    def _cluster(self) -> Cluster:
        return Cluster(self._kubeconfig, self._namespace, self._environ)

    def _is_ours(self, file: Path) -> bool:
        """Whether that file is the copy of this context, and not what another engine left."""
        try:
            config = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            return False
        if not isinstance(config, dict) or config.get("current-context") != self._context:
            return False
        return any(
            item.get("name") == self._context and (item.get("context") or {}).get("namespace") == self._namespace
            for item in config.get("contexts") or []
        )

    @contextlib.contextmanager
    def _tried(self, config: Object) -> Iterator[Cluster]:
        """A client for credentials that are not yet the lab's."""
        inside = self._state_dir if self._state_dir.is_dir() else None
        with tempfile.TemporaryDirectory(prefix=_TRIED, dir=inside) as folder:
            file = Path(folder) / "kubeconfig"
            _write_private(file, config)
            yield Cluster(file, self._namespace, self._environ)

    def _write_kubeconfig(self, config: Object) -> None:
        context = config["contexts"][0]
        inner = {**(context.get("context") or {}), "namespace": self._namespace}
        _write_private(self._kubeconfig, {**config, "contexts": [{**context, "context": inner}]})

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One start or stop at a time for this lab, across processes."""
        with (self._state_dir / "provision.lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _write_private(file: Path, config: Object) -> None:
    """Write a kubeconfig that only its owner can read, in one step."""
    beside = file.with_name(f"{file.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        yaml.safe_dump(config, out, sort_keys=False)
    beside.replace(file)
