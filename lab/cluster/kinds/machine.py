"""What kind needs of this machine, each lack with its exact remedy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from lab.cluster.images.engine import NEXT_STEP as DOCKER_NEXT_STEP
from lab.cluster.kinds.tool import INSTALL, OLDEST, parse_version, show_version
from lab.cluster.provision import Finding

if TYPE_CHECKING:
    from docker import DockerClient

DISK_MB = 6_000
MEMORY_MB = 2_500
OLDEST_DOCKER = (20, 10)
OLDEST_KUBECTL = (1, 28)
INOTIFY: Mapping[str, tuple[int, int]] = {"max_user_watches": (65_536, 524_288), "max_user_instances": (128, 512)}
"""Limit to the least that one node runs with, and what kind's documentation recommends."""

_SECONDS = 20


def docker_finding(info: Mapping[str, Any] | None, why: str = "") -> Finding:
    """Whether the engine answers and is recent enough; `info` is what `docker info` says, None where it does not."""
    if info is None:
        return Finding("docker", False, why or "does not answer", DOCKER_NEXT_STEP)
    version = parse_version(str(info.get("ServerVersion", "")))
    recent = version is None or version >= OLDEST_DOCKER
    found = f"{info.get('ServerVersion')} ({info.get('OperatingSystem')})"
    return Finding(
        "docker", recent, found, "" if recent else f"Update Docker to {show_version(OLDEST_DOCKER)} or newer."
    )


def memory_finding(info: Mapping[str, Any], available: int, linux: bool) -> Finding:
    """Memory for the node and the stack, in bytes: what is free here, or what Docker's virtual machine has."""
    total = int(info.get("MemTotal", 0))
    mb = (min(available, total) if linux else total) // 2**20
    remedy = "Close programs until that much is free." if linux else "Give Docker more memory in its settings."
    return _enough("memory for kind", mb, MEMORY_MB, remedy)


def disk_finding(free: int) -> Finding:
    """Disk for images and the node, in bytes."""
    return _enough("disk for kind", free // 2**20, DISK_MB, "Free some: docker system prune --all shows what goes.")


def inotify_findings(values: Mapping[str, int]) -> tuple[Finding, ...]:
    """Limits by which kubelet and pods watch files, as the kernel has them."""
    findings = []
    for name, (least, advised) in INOTIFY.items():
        value = values.get(name)
        if value is None:
            continue
        remedy = (
            f"sudo sysctl fs.inotify.{name}={advised}; to keep it, put fs.inotify.{name}={advised} into "
            "/etc/sysctl.d/99-kind.conf."
        )
        findings.append(Finding(f"inotify {name}", value >= least, str(value), "" if value >= least else remedy))
    return tuple(findings)


def kind_finding(answer: str | None) -> Finding:
    """The program `kind`, from what `kind version` answered; None where there is none."""
    version = parse_version(answer) if answer else None
    good = version is not None and version >= OLDEST
    found = show_version(version) if version else ("not found" if answer is None else answer.strip())
    return Finding("kind", good, found, "" if good else INSTALL)


def kubectl_finding(answer: str | None) -> Finding:
    """The program `kubectl`, which people want and the lab does not need."""
    if answer is None:
        return Finding("kubectl for kind", True, "not found (optional: `lab ops` has the same verbs)", "")
    version = parse_version(answer)
    good = version is None or version >= OLDEST_KUBECTL
    remedy = f"Update kubectl to {show_version(OLDEST_KUBECTL)} or newer (kubernetes.io/docs/tasks/tools)."
    return Finding("kubectl for kind", good, show_version(version) if version else "unknown", "" if good else remedy)


def look(client: DockerClient | None, why: str, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """Everything about this machine; starts and changes nothing."""
    info: dict[str, Any] | None = client.info() if client is not None else None
    findings = [docker_finding(info, why)]
    if info is not None:
        findings.append(memory_finding(info, psutil.virtual_memory().available, sys.platform == "linux"))
        findings.append(disk_finding(_free_disk(str(info.get("DockerRootDir", "/")))))
    findings.append(kind_finding(_answer(("kind", "version"), environ)))
    findings.append(kubectl_finding(_answer(("kubectl", "version", "--client"), environ)))
    return (*findings, *inotify_findings(_inotify(Path("/proc/sys/fs/inotify"))))


def _enough(name: str, mb: int, least: int, remedy: str) -> Finding:
    good = mb >= least
    return Finding(name, good, f"{mb} MB", "" if good else f"{least} MB are needed. {remedy}")


def _free_disk(root: str) -> int:
    """Free bytes where Docker keeps its images, or on the root disk where that folder is another machine's."""
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return shutil.disk_usage("/").free


def _inotify(folder: Path) -> dict[str, int]:
    values = {}
    for name in INOTIFY:
        try:
            values[name] = int((folder / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
    return values


def _answer(argv: tuple[str, ...], environ: Mapping[str, str]) -> str | None:
    """What a program says on standard output; None where it is not on PATH or does not run."""
    if shutil.which(argv[0], path=environ.get("PATH", "")) is None:
        return None
    try:
        done = subprocess.run(
            argv, env=dict(environ), capture_output=True, text=True, check=False, timeout=_SECONDS, encoding="utf-8"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout
