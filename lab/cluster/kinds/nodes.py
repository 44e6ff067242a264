"""The containers that are the nodes of a kind cluster, and the images in them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lab.cluster.images.labels import CONTENT_LABEL
from lab.errors import ClusterError

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

CLUSTER_LABEL = "io.x-k8s.kind.cluster"
SAVE_SECONDS = 300
_LOOK = 'for image in "$@"; do echo "$(crictl inspecti -o json "$image" 2>/dev/null | tr -d "\\n")"; done'

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
        """
        References that some node does not have, or has with another content.

        `wanted` maps references to content hashes; an empty one asks only that an image of that name is there.
        """
        local = {reference: self._client.images.get(reference).id for reference in wanted}
        missing: dict[str, None] = {}
        for node in self._containers():
            for reference, found in _inspected(node, tuple(wanted)).items():
                if not _same(found, local[reference], wanted[reference]):
                    missing[reference] = None
        return tuple(reference for reference in wanted if reference in missing)

    def save(self, references: Sequence[str], target: Path) -> None:
        """Write one archive with these images; layers that they share are in it once."""
        api = self._client.api
        address = f"{api.base_url}/v{api.api_version}/images/get"
        with api.get(address, params={"names": list(references)}, stream=True, timeout=SAVE_SECONDS) as answer:
            answer.raise_for_status()
            with target.open("wb") as file:
                for part in answer.iter_content(2**20):
                    file.write(part)

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
            all=True, filters={"label": f"{CLUSTER_LABEL}={self._cluster}"}
        )
        return found


def _archive(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def _inspected(node: Container, references: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the node's container runtime says of each image; empty for one that is not there."""
    names = [f"docker.io/{reference}" for reference in references]
    output = node.exec_run(["sh", "-c", _LOOK, "look", *names], stderr=False).output or b""
    lines = output.decode(errors="replace").split("\n")
    return {reference: _document(line) for reference, line in zip(references, lines, strict=False)}


def _document(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _same(found: Mapping[str, Any], local_id: str | None, content: str) -> bool:
    """By content label where the runtime shows labels, else by id: engines differ in what an id is the hash of."""
    if not found.get("status"):
        return False
    config = found.get("info", {}).get("imageSpec", {}).get("config", {})
    labels: Mapping[str, str] = config.get("Labels") or {}
    return not content or found["status"].get("id") == local_id or labels.get(CONTENT_LABEL) == content
