"""Where a Kubernetes API comes from: the protocol that the embedded cluster, kind and an existing cluster keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """How to reach a cluster that is up."""

    engine: str
    """`embedded`, `kind` or `context:NAME`."""
    kubeconfig: Path
    """Readable by its owner only; holds the credentials."""
    namespace: str


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """One release of one component as an image `mlops-lab/COMPONENT:TAG`."""

    component: str
    tag: str
    release_file: Path
    """The one file that this release brings; in the image it lies at `/app/release.yaml`."""

    @property
    def reference(self) -> str:
        return f"mlops-lab/{self.component}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `lab doctor`."""

    name: str
    ok: bool
    found: str
    next_step: str
    """What to do about it; empty where `ok`."""


class Provisioner(Protocol):
    """Brings a cluster up and takes it down; every call may come from a fresh process, and twice."""

    engine: str

    def preflight(self) -> tuple[Finding, ...]:
        """What this engine needs of the machine; starts and changes nothing."""

    def up(self, say: Callable[[str], None]) -> ClusterAddress:
        """Start or re-use the cluster and return when its API answers and the namespace exists.

        Down -> up. Up -> up, with the same address and nothing restarted. Half up, after a crash -> what the crash left
        is ended, then up. `say` receives one sentence per step for a person.

        Raises:
            MissingError: the machine lacks something; the next step says what to install.
            ClusterTimeout: it did not answer in time; the message carries the last lines of its log.
        """

    def load(self, images: Sequence[ImageSpec]) -> None:
        """Make images known to the cluster, before or after `up`; ones that are known already are replaced."""

    def service_url(self, service: str) -> str:
        """The direct http address of a Service's first port for programs on this machine.

        Raises:
            ClusterUnavailable: the cluster is not up.
            NotFound: there is no such Service.
        """

    def is_up(self) -> bool:
        """Whether the API answers now; False before the first `up` and after `down`."""

    def pids(self) -> tuple[int, ...]:
        """Every process of ours for this lab that runs now, the daemon first; empty when down."""

    def down(self) -> None:
        """End every process of the cluster, gently first; up, half up or down -> down.

        When it returns nothing of this lab runs, also when the daemon itself had been killed.
        """
