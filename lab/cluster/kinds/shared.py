"""The kind cluster that all labs of a machine share: made by the first, finished after a crash, removed by the last."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

import yaml

from lab.cluster.client import Cluster
from lab.cluster.files import write_private
from lab.cluster.furniture import LAB_LABEL
from lab.cluster.kinds.nodes import Nodes
from lab.cluster.kinds.tool import KindTool
from lab.errors import ClusterError

Say = Callable[[str], None]

ANSWER_SECONDS = 20.0
START_SECONDS = 90.0
WHOLE = "mlops-lab-whole"
"""ConfigMap in kube-system: everything that the lab puts into a new cluster is in it."""

_SYSTEM = "kube-system"
_OF_KIND = frozenset({"default", "kube-node-lease", "kube-public", _SYSTEM, "local-path-storage"})
_METRICS = Path(__file__).with_name("metrics-server.yaml")
_POLL_SECONDS = 0.2


class SharedCluster:
    """One kind cluster; the caller holds the machine's lock. `scratch` is a kubeconfig for this object's own calls."""

    def __init__(self, tool: KindTool, nodes: Nodes, scratch: Path, environ: Mapping[str, str]) -> None:
        self._tool = tool
        self._nodes = nodes
        self._scratch = scratch
        self._environ = environ

    def ensure(self, config: Path, image: str | None, say: Say) -> bool:
        """
        Have the cluster run, whole; returns whether it was made now.

        Raises:
            ClusterTimeout: it does not come up. ClusterError: it holds something that is not of a lab.
        """
        state = self._nodes.state()
        if state == "stopped":
            say("starting the kind cluster, which is stopped")
            self._nodes.start()
        if state != "absent":
            if not self.answers(START_SECONDS if state == "stopped" else ANSWER_SECONDS):
                say("the kind cluster does not answer; it is made anew")
            elif self._is_whole():
                return False
            else:
                self._refuse_foreign()
                say("the kind cluster is not whole, as after an interrupted start; it is made anew")
            self._tool.delete()
        say("creating the kind cluster")
        self._tool.create(config, image, say)
        self._read_credentials()
        self._nodes.apply(_METRICS.read_bytes())
        self._system().create("ConfigMap", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": WHOLE}})
        return True

    def answers(self, seconds: float) -> bool:
        """Whether its API answers within that time."""
        end, pause = time.monotonic() + seconds, Event()
        while True:
            try:
                self._read_credentials()
                self._system().list("ConfigMap")
            except ClusterError:
                if time.monotonic() > end:
                    return False
                pause.wait(_POLL_SECONDS)
            else:
                return True

    def write_kubeconfig(self, target: Path, namespace: str) -> None:
        """The administrator's credentials with that namespace as the default, readable by their owner only."""
        document = yaml.safe_load(self._scratch.read_text(encoding="utf-8"))
        for item in document["contexts"]:
            item["context"]["namespace"] = namespace
        text = yaml.safe_dump(document, sort_keys=False).encode()
        if not target.exists() or target.read_bytes() != text:
            write_private(target, text)

    def leave(self, namespace: str, remove: Callable[[Cluster], None]) -> None:
        """
        Take one lab's namespace away with `remove`, or the whole cluster where no other lab is on it.

        Raises:
            ClusterTimeout: the namespace does not go.
        """
        state = self._nodes.state()
        if state == "absent":
            return
        if state == "stopped":
            self._nodes.start()
        if not self.answers(START_SECONDS if state == "stopped" else ANSWER_SECONDS) or not self._others(namespace):
            self._tool.delete()
            return
        with self._nodes.without_broken_metrics(_METRICS.read_bytes()):
            remove(Cluster(self._scratch, namespace, self._environ))

    def _others(self, namespace: str) -> bool:
        """Whether anything but this lab is on it: another lab's namespace, or one that somebody else made."""
        for item in self._system().list("Namespace"):
            meta = item["metadata"]
            gone = meta["name"] == namespace or (meta.get("deletionTimestamp") and _is_labs(item))
            if not gone and (_is_labs(item) or meta["name"] not in _OF_KIND):
                return True
        return False

    def _refuse_foreign(self) -> None:
        names = [item["metadata"]["name"] for item in self._system().list("Namespace") if not _is_labs(item)]
        foreign = sorted(set(names) - _OF_KIND)
        if foreign:
            raise ClusterError(
                "A cluster of that name is in use",
                f"kind cluster {self._tool.cluster} was not made by the lab and has {', '.join(foreign)}.",
                f"Remove it if nobody needs it: kind delete cluster --name {self._tool.cluster}",
            )

    def _is_whole(self) -> bool:
        return self._system().find("ConfigMap", WHOLE) is not None

    def _read_credentials(self) -> None:
        text = self._tool.kubeconfig().encode()
        if not self._scratch.exists() or self._scratch.read_bytes() != text:
            write_private(self._scratch, text)

    def _system(self) -> Cluster:
        return Cluster(self._scratch, _SYSTEM, self._environ)


def _is_labs(namespace: Mapping[str, object]) -> bool:
    metadata = namespace["metadata"]
    return isinstance(metadata, dict) and LAB_LABEL in (metadata.get("labels") or {})
