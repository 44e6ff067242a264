"""Prometheus for the stack: the one of this machine, or one fetched into the user's cache."""

from __future__ import annotations

from pathlib import Path

from lab.cluster.programs.download import Say
from lab.cluster.programs.search import Search
from lab.cluster.programs.sources import Product, Programs, Sources, releases

PROMETHEUS = Product(
    name="prometheus",
    title="Prometheus",
    kind="a Prometheus server",
    tool="promtool",
    package="prometheus",
    packaged_name="prometheus",
    install="Debian, Ubuntu: sudo apt-get install prometheus; macOS: brew install prometheus",
    oldest=(2, 42, 0),
)
"""2.42 is the oldest whose `http_sd_configs` and PromQL the stack's rules were tried with."""

SHA256 = {
    "linux-amd64": "465e1393a0cca9705598f6ffaf96ffa78d0347808ab21386b0c6aaec2cf7aa13",
    "linux-arm64": "ed50b67cb833a225ec2a53b487c6e20372b20e56dce226423fa8611c8aa50392",
    "darwin-amd64": "ca4caee10bfd114adcffe8c23b80e53973be4a7c2666cd5a182a601f0eac2295",
    "darwin-arm64": "875db6df65636d047b6aea3cfac56f4a0e2deb325232fb87bda2383d0330f033",
}
"""Of the archives of one release; `docs/decisions.md` says how each was established."""

DEFAULT = releases("prometheus", "2.54.0", SHA256)


def find_prometheus(cache: Path, *, path: str, configured: Path | None = None) -> Programs | None:
    """The Prometheus that is here already; see `Search.find`."""
    return Search(PROMETHEUS, cache, path, configured).find()


def ensure_prometheus(
    cache: Path,
    *,
    path: str,
    say: Say,
    sources: Sources = DEFAULT,
    configured: Path | None = None,
    platform: str | None = None,
) -> Programs:
    """Prometheus, fetched into `cache` where this machine has none; see `Search.ensure`."""
    return Search(PROMETHEUS, cache, path, configured).ensure(say, sources, platform)
