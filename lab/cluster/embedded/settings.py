"""What one embedded cluster is told at its start: where it keeps its state and which addresses are its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lab.cluster.embedded.options import ClusterOptions


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The settings of one cluster; equal for the API, the controllers and the kubelet."""

    state_dir: Path
    """Folder of this lab's cluster: `pods/`, `ca.crt`, `token`, journals, `daemon.log`."""
    pod_prefix: str
    """First three octets and dot of Pod addresses, such as `127.83.12.`; `127.0.0.1` where only that one answers."""
    service_prefix: str
    """The same for Services. The store fills `spec.clusterIP` of a Service when it is created."""
    api_host: str
    api_port: int
    token: str
    """Bearer token that the API accepts; what a Pod finds as its service account's token."""
    ca_file: Path
    """Certificate of the API, PEM; what a Pod finds as `ca.crt`."""
    restart_backoff_base: float = 2.0
    """Seconds before the second restart of a failing container; doubles with each further one."""
    restart_backoff_limit: float = 60.0
    """The longest wait before a restart, seconds."""
    node_name: str = "lab-node"
    options: ClusterOptions = field(default_factory=ClusterOptions)

    @property
    def single_address(self) -> bool:
        """Whether all Pods and Services share 127.0.0.1 and are told apart by ports the node chooses."""
        return not self.pod_prefix.endswith(".")
