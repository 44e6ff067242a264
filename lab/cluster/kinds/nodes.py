"""The containers that are the nodes of a kind cluster, and the images in them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lab.cluster.kinds.layers import Incomplete, write_added
from lab.errors import ClusterError

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

CLUSTER_LABEL = "io.x-k8s.kind.cluster"
SAVE_SECONDS = 300
_LOADED = "mlops-lab-images.json"
"""In a node's folder /kind: reference to content hash of what was loaded into it."""
_CTR = ("ctr", "--namespace", "k8s.io")
_LOOK = f"cat /kind/{_LOADED} 2>/dev/null; echo; {' '.join(_CTR)} images list --quiet"

_MANIFEST = "mlops-lab.yaml"
_METRICS_API = "v1beta1.metrics.k8s.io"
_AVAILABLE = 'jsonpath={.status.conditions[?(@.type=="Available")].status}'

State = Literal["absent", "stopped", "running"]


class Nodes:
    """The node containers of one cluster, as Docker knows them."""

    def __init__(self, client: DockerClient, cluster: str) -> None:
        self._client = client
        self._cluster = cluster

    def state(self) -> State:
        """Whether there are nodes, and whether every one of them runs."""
        found = self._containers()
        if not found:
            return "absent"
        return "running" if all(node.status == "running" for node in found) else "stopped"

    def start(self) -> None:
        """Start those that do not run, as after a restart of the machine."""
        for node in self._containers():
            if node.status != "running":
                node.start()

    def lacking(self, wanted: Mapping[str, str]) -> tuple[str, ...]:
        """References that some node does not have with that content; `wanted` maps references to content hashes."""
        missing: set[str] = set()
        for node in self._containers():
            there = _held(node)
            missing |= {reference for reference, content in wanted.items() if there.get(reference) != content}
        return tuple(reference for reference in wanted if reference in missing)

    def note_loaded(self, contents: Mapping[str, str]) -> None:
        """Keep, in every node, what its images were made from: engines differ in what an image's id is the hash of."""
        for node in self._containers():
            text = json.dumps({**_held(node), **contents}, sort_keys=True)
            node.put_archive("/kind", _archive(_LOADED, text.encode()))

    def save(self, references: Sequence[str], target: Path) -> None:
        """Write one archive with these images; layers that they share are in it once."""
        with self._saved(references) as parts, target.open("wb") as file:
            for part in parts:
                file.write(part)

    def save_added(self, references: Sequence[str], target: Path) -> bool:
        """
        Write an archive with what these images add to the layers that every node has; False where that is too much.

        Nothing is written then, and all of the images have to be loaded.
        """
        there = [set(_run(node, *_CTR, "content", "list", "--quiet").split()) for node in self._containers()]
        held = frozenset(set.intersection(*there)) if there else frozenset[str]()
        layers = [self._client.images.get(name).attrs["RootFS"]["Layers"] for name in references]
        if not all(held.issuperset(one[:-1]) for one in layers):
            return False
        with self._saved(references) as parts:
            try:
                write_added(parts, held, target)
            except Incomplete:
                return False
        return True

    @contextmanager
    def _saved(self, references: Sequence[str]) -> Iterator[Iterator[bytes]]:
        """What `docker save` gives, in parts."""
        api = self._client.api
        address = f"{api.base_url}/v{api.api_version}/images/get"
        with api.get(address, params={"names": list(references)}, stream=True, timeout=SAVE_SECONDS) as answer:
            answer.raise_for_status()
            yield answer.iter_content(2**20)

    def apply(self, manifest: bytes) -> None:
        """
        `kubectl apply` on a node: for kinds that only the cluster's administrator touches.

        Raises:
            ClusterError: the cluster refused.
        """
        node = self._containers()[0]
        node.put_archive("/kind", _archive(_MANIFEST, manifest))
        self._kubectl("apply", "-f", f"/kind/{_MANIFEST}")

    @contextmanager
    def without_broken_metrics(self, manifest: bytes) -> Iterator[None]:
        """
        Keep an API of metrics that does not answer, as on a machine that cannot pull its image, from blocking.

        Namespaces are not deleted while any registered API is out of reach.
        """
        available = self._kubectl("get", "apiservice", _METRICS_API, "--ignore-not-found", "-o", _AVAILABLE)
        if available == "True":
            yield
            return
        self._kubectl("delete", "apiservice", _METRICS_API, "--ignore-not-found")
        yield
        self.apply(manifest)

    def _kubectl(self, *arguments: str) -> str:
        argv = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", *arguments]
        done = self._containers()[0].exec_run(argv)
        text: str = (done.output or b"").decode(errors="replace").strip()
        if done.exit_code:
            raise ClusterError("Refused by the cluster", text, "Run `lab down`, then `lab up`.")
        return text

    def _containers(self) -> list[Container]:
        found: list[Container] = self._client.containers.list(
            all=True, filters={"label": f"{CLUSTER_LABEL}={self._cluster}"}, ignore_removed=True
        )
        return found


def _run(node: Container, *argv: str) -> str:
    """What a command in the node prints, whatever its exit code."""
    output: bytes = node.exec_run(list(argv), stderr=False).output or b""
    return output.decode(errors="replace")


def _archive(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def _held(node: Container) -> dict[str, str]:
    """Content hashes of the images that are in the node now and that were loaded by a lab."""
    first, _, rest = _run(node, "sh", "-c", _LOOK).partition("\n")
    try:
        noted = dict(json.loads(first))
    except (ValueError, TypeError):
        noted = {}
    present = set(rest.split())
    return {str(reference): str(content) for reference, content in noted.items() if f"docker.io/{reference}" in present}
