"""A program from a release archive of its project."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from lab.cluster.programs.download import Say, download
from lab.cluster.programs.sources import Archive, Limits, Product, SourceFailed

_TERMS = ("LICENSE", "NOTICE")


def unpack_release(
    product: Product, archive: Archive, folder: Path, *, downloads: Path, say: Say, limits: Limits
) -> None:
    """
    Download an archive, check it against its checksum, and put the programs into `folder`, which exists and is empty.

    Raises:
        SourceFailed: it could not be had, was not the expected file, or lacks the program.
    """
    stem = f"{product.name}-{archive.version}.{archive.platform}"
    tarball = downloads / f"{stem}.tar.gz"
    what = f"{product.title} {archive.version}"
    download(archive.url, tarball, sha256=archive.sha256, what=what, say=say, limits=limits)
    programs = (product.name, product.tool)
    try:
        with tarfile.open(tarball, "r:gz") as tar:
            for name in (*programs, *_TERMS):
                _copy_member(tar, f"{stem}/{name}", folder / name, 0o755 if name in programs else 0o644)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise SourceFailed(f"{tarball.name} cannot be unpacked: {error}") from error
    finally:
        tarball.unlink(missing_ok=True)
    if not (folder / product.name).is_file():
        raise SourceFailed(f"{tarball.name} holds no {stem}/{product.name}")


def _copy_member(tar: tarfile.TarFile, member: str, target: Path, mode: int) -> None:
    """Writes one plain file of the archive to `target`; members that are missing or not plain are left out."""
    try:
        content = tar.extractfile(member)
    except KeyError:
        return
    if content is None:
        return
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(mode)
