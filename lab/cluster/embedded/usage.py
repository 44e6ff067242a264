"""What containers use, as the kubelet hands it to the metrics API and to the autoscaler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lab.cluster.embedded.store import Obj

WINDOW = "5s"
"""The window that CPU use is averaged over, as metrics tell it."""
WINDOW_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """What `top` shows of a container."""

    cpu_cores: float
    memory_bytes: int


class UsageSource(Protocol):
    """Where usage comes from: the kubelet."""

    def usage(self, pod_uid: str, container: str) -> ContainerUsage | None:
        """CPU cores and bytes of a running container; None before it was sampled."""


def pod_usage(source: UsageSource, pod: Obj) -> Mapping[str, ContainerUsage] | None:
    """The usage of all containers of a Pod by name; None unless every one of them runs and was sampled."""
    found: dict[str, ContainerUsage] = {}
    for container in pod["spec"].get("containers") or ():
        usage = source.usage(pod["metadata"]["uid"], container["name"])
        if usage is None:
            return None
        found[container["name"]] = usage
    return found
