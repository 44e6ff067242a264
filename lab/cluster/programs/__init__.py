"""The programs that the stack needs and pip cannot install: finding Prometheus on this machine, or fetching it."""

from lab.cluster.programs.prometheus import ensure_prometheus, find_prometheus
from lab.cluster.programs.sources import DEFAULT, Archive, Limits, Programs, Sources

__all__ = ["DEFAULT", "Archive", "Limits", "Programs", "Sources", "ensure_prometheus", "find_prometheus"]
