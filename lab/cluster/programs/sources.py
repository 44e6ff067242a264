"""What Prometheus may come from: pinned release archives and the system's packages, with the limits on waiting."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

OLDEST = (2, 42, 0)
"""The oldest Prometheus whose `http_sd_configs` and PromQL the stack's rules were tried with."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Prometheus on this machine, shown to start and to be new enough."""

    prometheus: Path
    promtool: Path | None
    version: str
    source: str
    """Where it came from, in words for people: "PATH", "the release archive" and the like."""


class SourceFailed(Exception):
    """One source could not give Prometheus; its text is the reason in one sentence, for people."""


@dataclass(frozen=True, slots=True)
class Archive:
    """One release archive of the Prometheus project for one platform, known by its SHA-256."""

    version: str
    platform: str
    sha256: str
    url: str

    @property
    def name(self) -> str:
        return f"prometheus-{self.version}.{self.platform}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds."""

    connect: float = 5.0
    stall: float = 30.0
    """Of silence within a download."""
    total: float = 900.0
    """For one download with all its attempts."""
    packages: float = 300.0
    """For each call of the package manager."""
    attempts: int = 3
    """Connections that may break off before a download is given up; each goes on where the last one stopped."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to look beyond this machine, in order: the archive for the platform, then the package archive."""

    archives: Mapping[str, Archive]
    """By platform, such as "linux-amd64"."""
    packages: bool = True
    """Whether to ask the package archive of a Debian or Ubuntu system."""
    limits: Limits = field(default_factory=Limits)


VERSION = "2.54.0"
RELEASES = "https://github.com/prometheus/prometheus/releases/download"
SHA256 = {
    "linux-amd64": "465e1393a0cca9705598f6ffaf96ffa78d0347808ab21386b0c6aaec2cf7aa13",
    "linux-arm64": "ed50b67cb833a225ec2a53b487c6e20372b20e56dce226423fa8611c8aa50392",
    "darwin-amd64": "ca4caee10bfd114adcffe8c23b80e53973be4a7c2666cd5a182a601f0eac2295",
    "darwin-arm64": "875db6df65636d047b6aea3cfac56f4a0e2deb325232fb87bda2383d0330f033",
}
"""Of the archives of `VERSION`; `docs/decisions.md` says how each was established."""

DEFAULT = Sources(
    archives=MappingProxyType(
        {
            name: Archive(VERSION, name, sha256, f"{RELEASES}/v{VERSION}/prometheus-{VERSION}.{name}.tar.gz")
            for name, sha256 in SHA256.items()
        }
    )
)

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def platform_name() -> str:
    """This machine as the Prometheus project names platforms, such as "linux-amd64"."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{_ARCHITECTURES.get(machine, machine)}"
