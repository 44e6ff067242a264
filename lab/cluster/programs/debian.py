"""A program from the package archive of a Debian or Ubuntu system, without root and without installing a package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.cluster.programs.download import Say
from lab.cluster.programs.executable import require_new_enough, version_text
from lab.cluster.programs.sources import Limits, Product, SourceFailed

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class _Apt:
    """The package manager with its downloads in folders of our own; `lists` None means those of the system."""

    program: str
    work: Path
    lists: Path | None
    limits: Limits

    def run(self, *arguments: str) -> str:
        """Standard output of one call. Raises SourceFailed with the last line of what it complained about."""
        options = {
            "Dir::Cache": self.work / "cache",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "1",
            "Acquire::http::Timeout": f"{2 * self.limits.connect:.0f}",
            "Acquire::https::Timeout": f"{2 * self.limits.connect:.0f}",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::DEP-11-icons-small::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb-src::Sources::DefaultEnabled": "false",
        }
        if self.lists is not None:
            options["Dir::State::Lists"] = self.lists
        command = [self.program, "-q", *(f"-o{name}={value}" for name, value in options.items()), *arguments]
        return _output(command, self.work, self.limits.packages)


def unpack_package(product: Product, folder: Path, *, work: Path, path: str, say: Say, limits: Limits) -> None:
    """
    Download the package of this system and put its programs into `folder`, which exists and is empty.

    The system's own package lists are used where they know the package, else fresh ones are fetched into `work`, which
    is scratch. The package manager checks signatures and checksums as ever.

    Raises:
        SourceFailed: no such package manager, no such package, too old, or it could not be downloaded.
    """
    apt, unpack = shutil.which("apt-get", path=path), shutil.which("dpkg-deb", path=path)
    if apt is None or unpack is None:
        raise SourceFailed("this system has no apt-get and dpkg-deb")
    (work / "cache" / "archives" / "partial").mkdir(parents=True)
    package = _downloaded_package(product, apt, work, say, limits)
    tree = work / "tree"
    _output([unpack, "-x", str(package), str(tree)], work, limits.packages)
    for packaged, name in ((product.packaged_name, product.name), (product.tool, product.tool)):
        program = tree / "usr" / "bin" / packaged
        if program.is_file():
            shutil.move(program, folder / name)
    if not (folder / product.name).is_file():
        raise SourceFailed(f"{package.name} holds no usr/bin/{product.packaged_name}")
    if product.settle is not None:
        product.settle(tree, folder)


def _downloaded_package(product: Product, apt: str, work: Path, say: Say, limits: Limits) -> Path:
    """The package file, by the lists that the system has, else by fresh ones."""
    try:
        return _download(product, _Apt(apt, work, None, limits), say)
    except SourceFailed:
        lists = work / "lists"
        (lists / "partial").mkdir(parents=True)
        fresh = _Apt(apt, work, lists, limits)
        say(f"{product.title}: fetching the system's package lists into the lab's own folder")
        fresh.run("update")
        return _download(product, fresh, say)


def _download(product: Product, apt: _Apt, say: Say) -> Path:
    name = re.escape(product.package)
    uri = rf"^'[^']+' ({name}_(?:\d+%3a)?(\d+)\.(\d+)\.(\d+)\S*\.deb) (\d+)"
    offered = re.search(uri, apt.run("download", "--print-uris", product.package), re.MULTILINE)
    if offered is None:
        raise SourceFailed(f"the system's package archive has no package named {product.package}")
    file, major, minor, patch, size = offered.groups()
    version = (int(major), int(minor), int(patch))
    require_new_enough(product, version, "the package of this system")
    megabytes = f"{int(size) / _MEGABYTE:.0f} MB"
    say(f"{product.title} {version_text(version)}: {megabytes} from the system's package archive")
    apt.run("download", product.package)
    package = apt.work / file
    if not package.is_file():
        raise SourceFailed(f"apt-get download left no {file}")
    return package


def _output(command: list[str], cwd: Path, seconds: float) -> str:
    program = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceFailed(f"{program} was not done after {seconds:.0f} s") from error
    except OSError as error:
        raise SourceFailed(f"{program} does not start: {error}") from error
    if done.returncode != 0:
        complaints = [line.removeprefix("E: ") for line in done.stderr.splitlines() if line.startswith("E: ")]
        raise SourceFailed(f"{program} failed: {complaints[0] if complaints else f'exit status {done.returncode}'}")
    return done.stdout
