"""Prometheus from a release archive of its project."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from lab.cluster.programs.download import Say, download
from lab.cluster.programs.sources import Archive, Limits, SourceFailed

WANTED = ("prometheus", "promtool", "LICENSE", "NOTICE")
"""The files of the archive that are kept; the first two are programs."""


def unpack_release(archive: Archive, folder: Path, *, downloads: Path, say: Say, limits: Limits) -> None:
    """
    Download an archive, check it against its checksum, and put the programs into `folder`, which exists and is empty.

    Raises:
        SourceFailed: it could not be had, was not the expected file, or lacks the program.
    """
    tarball = downloads / f"{archive.name}.tar.gz"
    download(archive.url, tarball, sha256=archive.sha256, what=f"Prometheus {archive.version}", say=say, limits=limits)
    try:
        with tarfile.open(tarball, "r:gz") as tar:
            for name in WANTED:
                _copy_member(tar, f"{archive.name}/{name}", folder / name)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise SourceFailed(f"{tarball.name} cannot be unpacked: {error}") from error
    finally:
        tarball.unlink(missing_ok=True)
    if not (folder / "prometheus").is_file():
        raise SourceFailed(f"{tarball.name} holds no {archive.name}/prometheus")


def _copy_member(tar: tarfile.TarFile, member: str, target: Path) -> None:
    """Writes one plain file of the archive to `target`; members that are missing or not plain are left out."""
    try:
        content = tar.extractfile(member)
    except KeyError:
        return
    if content is None:
        return
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(0o755 if target.name in ("prometheus", "promtool") else 0o644)
