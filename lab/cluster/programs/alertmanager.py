"""Alertmanager for the stack: the one of this machine, or one fetched into the user's cache."""

from __future__ import annotations

from pathlib import Path

from lab.cluster.programs.download import Say
from lab.cluster.programs.relocation import bring_templates
from lab.cluster.programs.search import Search
from lab.cluster.programs.sources import Product, Programs, Sources, releases

ALERTMANAGER = Product(
    name="alertmanager",
    title="Alertmanager",
    kind="an Alertmanager",
    tool="amtool",
    package="prometheus-alertmanager",
    packaged_name="prometheus-alertmanager",
    install="Debian, Ubuntu: sudo apt-get install prometheus-alertmanager; elsewhere: the archive of its releases page",
    oldest=(0, 25, 0),
    settle=bring_templates,
)
"""0.25 is the oldest that the stack's routes and silences were tried with."""

SHA256 = {
    "linux-amd64": "5ac7ab5e4b8ee5ce4d8fb0988f9cb275efcc3f181b4b408179fafee121693311",
    "linux-arm64": "d8832540e5b9f613d2fd759e31d603173b9c61cc7bb5e3bc7ae2f12038b1ce4f",
}
"""Of the archives of one release; `docs/decisions.md` says how each was established."""

DEFAULT = releases("alertmanager", "0.28.1", SHA256)


def find_alertmanager(cache: Path, *, path: str, configured: Path | None = None) -> Programs | None:
    """The Alertmanager that is here already; see `Search.find`."""
    return Search(ALERTMANAGER, cache, path, configured).find()


def ensure_alertmanager(
    cache: Path,
    *,
    path: str,
    say: Say,
    sources: Sources = DEFAULT,
    configured: Path | None = None,
    platform: str | None = None,
) -> Programs:
    """Alertmanager, fetched into `cache` where this machine has none; see `Search.ensure`."""
    return Search(ALERTMANAGER, cache, path, configured).ensure(say, sources, platform)
