"""The programs that the stack needs and pip cannot install: finding them on this machine, or fetching them."""

from lab.cluster.programs.alertmanager import ensure_alertmanager, find_alertmanager
from lab.cluster.programs.prometheus import DEFAULT, ensure_prometheus, find_prometheus
from lab.cluster.programs.sources import Archive, Limits, Programs, Sources

__all__ = [
    "DEFAULT",
    "Archive",
    "Limits",
    "Programs",
    "Sources",
    "ensure_alertmanager",
    "ensure_prometheus",
    "find_alertmanager",
    "find_prometheus",
]
