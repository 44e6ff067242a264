"""What programs may come from: pinned release archives and the system's packages, with the limits on waiting."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType


class SourceFailed(Exception):
    """One source could not give the program; its text is the reason in one sentence, for people."""


@dataclass(frozen=True, slots=True)
class Product:
    """One program of the Prometheus project: how it is named in each place, and which versions will do."""

    name: str
    """Of the program in release archives and in the cache; also the key of config.toml that names one."""
    title: str
    """As sentences write it."""
    kind: str
    """What it is, with its article: "a Prometheus server"."""
    tool: str
    """The checker that comes with it."""
    package: str
    """Of Debian and Ubuntu."""
    packaged_name: str
    """Of the program in that package."""
    install: str
    """How people install it, for messages."""
    oldest: tuple[int, int, int]
    """The oldest version that the stack was tried with."""
    settle: Callable[[Path, Path], None] | None = None
    """Takes what else a package's program needs from the unpacked tree (first) into the folder (second)."""

    @property
    def installed_names(self) -> tuple[str, ...]:
        """Names that it may have on PATH."""
        return tuple(dict.fromkeys((self.name, self.packaged_name)))


@dataclass(frozen=True, slots=True)
class Programs:
    """A product on this machine, shown to start and to be new enough."""

    program: Path
    tool: Path | None
    version: str
    source: str
    """Where it came from, in words for people: "PATH", "the release archive" and the like."""


@dataclass(frozen=True, slots=True)
class Archive:
    """One release archive of a product for one platform, known by its SHA-256."""

    version: str
    platform: str
    sha256: str
    url: str


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


def releases(name: str, version: str, sha256: Mapping[str, str]) -> Sources:
    """The archives of one release as the Prometheus project publishes them, then the system's packages."""
    base = f"https://github.com/prometheus/{name}/releases/download/v{version}/{name}-{version}"
    archives = {one: Archive(version, one, digest, f"{base}.{one}.tar.gz") for one, digest in sha256.items()}
    return Sources(archives=MappingProxyType(archives))


_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def platform_name() -> str:
    """This machine as the Prometheus project names platforms, such as "linux-amd64"."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{_ARCHITECTURES.get(machine, machine)}"
