"""A kind cluster in Docker: the real Kubernetes on this machine, one namespace of it for each lab."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cluster import lodging
from lab.cluster.client import Cluster
from lab.cluster.connection import sweep_keys
from lab.cluster.files import write_private
from lab.cluster.forward import Forward
from lab.cluster.furniture import api_sources, await_account, furnish, furniture_objects
from lab.cluster.images import ImageBuilder, Recipes, connect, engine
from lab.cluster.kinds import machine
from lab.cluster.kinds.lock import machine_folder, machine_lock
from lab.cluster.kinds.nodes import Nodes
from lab.cluster.kinds.shared import SharedCluster
from lab.cluster.kinds.tool import KindTool
from lab.cluster.provision import ClusterAddress, Finding, ImageSpec
from lab.errors import ClusterError, ClusterUnavailable, MissingError

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]

CLUSTER = "mlops-lab"
"""The cluster that all labs of this machine share, unless LAB_KIND_CLUSTER names another."""

_SERVICES = (
    "discovery", "registry", "model-server", "gateway", "feed", "billing", "monitor", "prometheus", "alertmanager",
)  # fmt: skip
"""Forwarded from the start; others once somebody asks for them."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What the lab remembers of where it is."""

    cluster: str
    complete: bool
    """Whether `up` came to its end there."""


@dataclass(frozen=True, slots=True)
class _Docker:
    """What a call needs once Docker has answered."""

    client: DockerClient
    nodes: Nodes
    tool: KindTool
    shared: SharedCluster


class KindProvisioner:
    """
    One lab's namespace in the kind cluster of this machine.

    `stack_root` is the folder of the package `stack`, and `environ` the user's environment: PATH, proxies,
    LAB_KIND_CLUSTER, and LAB_KIND_NODE_IMAGE, the node image to use instead of kind's own choice.
    """

    engine = "kind"

    def __init__(
        self, state_dir: Path, namespace: str, *, stack_root: Path, kubeconfig: Path, environ: Mapping[str, str]
    ) -> None:
        self._state_dir = state_dir
        self._namespace = namespace
        self._stack_root = stack_root
        self._kubeconfig = kubeconfig
        self._environ = environ
        self._forward = Forward(state_dir / "forward", environ=environ)
        self._recipes = Recipes(stack_root)
        self._say: Say = _silent

    def preflight(self) -> tuple[Finding, ...]:
        """What kind needs of the machine; starts and changes nothing."""
        try:
            client = connect(self._environ)
        except MissingError as error:
            return machine.look(None, error.message, self._environ)
        with closing(client):
            return machine.look(client, "", self._environ)

    def up(self, say: Say) -> ClusterAddress:
        """
        Start or re-use the cluster, furnish the lab's namespace and open its addresses; see `Provisioner.up`.

        Raises:
            MissingError: Docker or kind is missing, or an image cannot be had.
            ClusterTimeout: the cluster did not come up; the message carries the last lines of kind.
        """
        self._say = say
        record = self._record()
        if record is not None and record.complete and self.is_up():
            self._lodge(say)
        else:
            self._start(record.cluster if record else self._environ.get("LAB_KIND_CLUSTER") or CLUSTER, say)
        self._forward.ensure(self._kubeconfig, self._namespace, _SERVICES)
        return ClusterAddress(self.engine, self._kubeconfig, self._namespace)

    def load(self, images: Sequence[ImageSpec]) -> None:
        """Build images, and put those into the nodes that are not there; before `up` they are put there by `up`."""
        self._remember(images)
        with engine(self._environ) as client:
            record = self._record()
            self._put(self._docker(client, record.cluster if record else CLUSTER), images)

    def service_url(self, service: str) -> str:
        """
        The loopback address of the Service; starts the forwarder where it does not run.

        Raises:
            ClusterUnavailable: the cluster is not up.
            NotFound: there is no such Service.
        """
        if self._record() is None:
            raise ClusterUnavailable("The stack is down", "this lab is not on the kind cluster.", "Start it: lab up.")
        self._cluster().get("Service", service)
        if self._forward.url(service) is None:
            self._forward.ensure(self._kubeconfig, self._namespace, [service])
        url = self._forward.url(service)
        if url is None:
            raise ClusterUnavailable("No address", f"{service} is not forwarded.", "Run `lab up`.")
        return url

    def is_up(self) -> bool:
        """Whether the API answers and has this lab's namespace."""
        if self._record() is None or not self._kubeconfig.exists():
            return False
        try:
            found = self._cluster().get("Namespace", self._namespace)
        except ClusterError:
            return False
        return bool(found.get("status", {}).get("phase") == "Active")

    def pids(self) -> tuple[int, ...]:
        """The forwarder's process; everything else runs in Docker."""
        return self._forward.pids()

    def down(self) -> None:
        """
        End the forwarder, delete the namespace, and the cluster with it where no other lab is on it.

        Raises:
            MissingError: Docker does not answer, so nothing can be removed; down can be repeated.
            ClusterTimeout: the namespace does not go; down can be repeated.
        """
        self._forward.end()
        record = self._record()
        if record is None:
            return
        self._write_record(_Record(record.cluster, complete=False))
        only = machine_lock(machine_folder(self._environ), record.cluster, self._say)
        with engine(self._environ) as client, only as lock:
            docker = self._docker(client, record.cluster)
            docker.tool.lock = lock
            docker.shared.leave(self._namespace, lambda cluster: lodging.own(cluster, self._namespace).leave())
        shutil.rmtree(self._scratch.parent, ignore_errors=True)
        self._kubeconfig.unlink(missing_ok=True)
        sweep_keys(self._kubeconfig)
        self._record_file.unlink(missing_ok=True)

    def _start(self, cluster: str, say: Say) -> None:
        """Everything up to a furnished namespace, whatever of it is there already."""
        with engine(self._environ) as client:
            docker = self._docker(client, cluster)
            docker.tool.version()
            builder = ImageBuilder(client, self._recipes, self._environ)
            builder.ensure_published(say)
            builder.ensure_base(say)
            self._write_record(_Record(cluster, complete=False))
            with machine_lock(machine_folder(self._environ), cluster, say) as docker.tool.lock:
                image = self._environ.get("LAB_KIND_NODE_IMAGE") or None
                made = docker.shared.ensure(self._stack_root / "kind.yaml", image, say)
                docker.shared.write_kubeconfig(self._kubeconfig, self._namespace)
                self._lodge(say)
            docker.tool.lock = None
            if made and (known := self._remembered()):
                self._put(docker, known)
        self._write_record(_Record(cluster, complete=True))

    def _lodge(self, say: Say) -> None:
        """The namespace with its furniture; one that an earlier `down` is deleting goes first."""
        cluster = self._cluster()
        place = lodging.own(cluster, self._namespace)
        if (found := cluster.find("Namespace", self._namespace)) and found["metadata"].get("deletionTimestamp"):
            say("waiting until the namespace of an earlier lab is gone")
            place.leave()
        place.enter()
        await_account(cluster)
        access = self._stack_root / "platform" / "real" / "access.yaml"
        objects = furniture_objects(self._namespace, access, api_sources(self._kubeconfig))
        for refusal in furnish(cluster, objects):
            raise ClusterError(
                "Refused by the cluster",
                f"{refusal.kind} {refusal.name}: {refusal.why}",
                "Run `lab down`, then `lab up`.",
            )

    def _put(self, docker: _Docker, images: Sequence[ImageSpec]) -> None:
        """Build, then load what the nodes lack as one archive."""
        builder = ImageBuilder(docker.client, self._recipes, self._environ)
        wanted = builder.ensure(images, self._say) if images else {}
        if docker.nodes.state() != "running":
            return
        wanted |= builder.ensure_published(self._say)
        lacking = docker.nodes.lacking(wanted)
        if not lacking:
            return
        self._say(f"loading {len(lacking)} image{'s' if len(lacking) > 1 else ''} into the kind cluster")
        self._load(docker, lacking)
        docker.nodes.note_loaded({reference: wanted[reference] for reference in lacking})

    def _load(self, docker: _Docker, references: Sequence[str]) -> None:
        """Load images, with the layers that all share only where a node lacks them."""
        archive = self._state_dir / f"images.{os.getpid()}.tar"
        try:
            if docker.nodes.save_added(references, archive):
                with contextlib.suppress(ClusterError):
                    docker.tool.load_archive(archive)
                    return
            docker.nodes.save(references, archive)
            docker.tool.load_archive(archive)
        finally:
            archive.unlink(missing_ok=True)

    def _docker(self, client: DockerClient, name: str) -> _Docker:
        nodes = Nodes(client, name)
        tool = KindTool(name, self._scratch, self._environ)
        return _Docker(client, nodes, tool, SharedCluster(tool, nodes, self._scratch, self._environ))

    def _cluster(self) -> Cluster:
        return Cluster(self._kubeconfig, self._namespace, self._environ)

    @property
    def _scratch(self) -> Path:
        """What kind itself and the cluster's set-up use as a kubeconfig."""
        return self._state_dir / "admin" / "kubeconfig"

    @property
    def _record_file(self) -> Path:
        return self._state_dir / "kind.json"

    @property
    def _images_file(self) -> Path:
        return self._state_dir / "images.kind.json"

    def _record(self) -> _Record | None:
        """There is one from before the first trace of this lab until after the last."""
        try:
            return _Record(**json.loads(self._record_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _write_record(self, record: _Record) -> None:
        self._scratch.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._record_file, json.dumps(asdict(record)).encode())

    def _remembered(self) -> tuple[ImageSpec, ...]:
        """The images of earlier loads whose release files are still there."""
        try:
            rows = json.loads(self._images_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ()
        specs = (ImageSpec(component, tag, Path(path)) for component, tag, path in rows)
        return tuple(spec for spec in specs if spec.release_file.is_file())

    def _remember(self, images: Sequence[ImageSpec]) -> None:
        known = {spec.reference: spec for spec in (*self._remembered(), *images)}
        rows = [[spec.component, spec.tag, str(spec.release_file.resolve())] for spec in known.values()]
        self._state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._images_file.write_text(json.dumps(rows), encoding="utf-8")


def _silent(line: str) -> None:
    """Nobody listens."""
