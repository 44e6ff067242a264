"""
What a lab decides about its cluster: the size of the node, and how fast its slow clocks run.

    write_options(state_dir, ClusterOptions(node=NodeSize(extended={"nvidia.com/gpu": 2})))     before the daemon starts
    options = read_options(state_dir)                                                           in the daemon
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

OPTIONS = "options.json"


@dataclass(frozen=True, slots=True)
class NodeSize:
    """
    What the node has to give to Pods, in Kubernetes' quantities.

    The lab sets it, and not the machine, so that the same requests fit, or do not, on every machine. The scheduler
    counts requests against it; nothing holds a process to its share but the memory limit of its container.
    """

    cpu: str = "4"
    memory: str = "8Gi"
    ephemeral_storage: str = "20Gi"
    pods: int = 110
    extended: Mapping[str, int] = field(default_factory=dict)
    """Extended resources by name, such as `nvidia.com/gpu`."""


@dataclass(frozen=True, slots=True)
class AutoscalerOptions:
    """
    What the flags of a controller manager set for all autoscalers, with Kubernetes' defaults; times in seconds.

    Flags: `--horizontal-pod-autoscaler-*` of kube-controller-manager.
    """

    sync_seconds: float = 15.0
    """Between two looks at an autoscaler."""
    downscale_stabilization_seconds: float = 300.0
    """For autoscalers that set no window of their own for scaling down."""
    tolerance: float = 0.1
    """How far usage may be from its target before anything is scaled."""
    cpu_initialization_seconds: float = 300.0
    """How long after its start a Pod's CPU use counts only once it is ready."""
    initial_readiness_seconds: float = 30.0
    """A Pod that was last unready within this time of its start was never ready yet."""


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """The options of one embedded cluster; they hold from one start of its daemon to the next."""

    node: NodeSize = field(default_factory=NodeSize)
    autoscaler: AutoscalerOptions = field(default_factory=AutoscalerOptions)


def read_options(state_dir: Path) -> ClusterOptions:
    """The options written for this state folder, or the defaults.

    Raises:
        ValueError: the file cannot be read as options.
    """
    try:
        raw = (state_dir / OPTIONS).read_bytes()
    except FileNotFoundError:
        return ClusterOptions()
    found: ClusterOptions = msgspec.json.decode(raw, type=ClusterOptions)
    return found


def write_options(state_dir: Path, options: ClusterOptions) -> None:
    """Keep the options for the next start of the daemon."""
    (state_dir / OPTIONS).write_bytes(msgspec.json.encode(options))
