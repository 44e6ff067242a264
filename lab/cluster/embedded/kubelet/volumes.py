"""
Volumes of a Pod without mounts: files under the Pod's own folder, and words that name a mount path pointed there.

A mount path `/etc/x` lies at `<poddir>/etc/x`. In command, arguments and variables a word that starts with a mount path
is replaced; a word starts at the beginning, or after a blank, a quote, or one of `= : , ( [`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

SERVICE_ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_WORD_START = r"(?:^|(?<=[\s\"'=:,(\[]))"
_WORD_GOES_ON = r"(?![\w.-])"


class MountMap:
    """Mount paths of one container and the folders or files that stand for them."""

    def __init__(self, folder: Path, mount_paths: Iterable[str]) -> None:
        paths = sorted({str(PurePosixPath(path)) for path in mount_paths if path.strip("/")}, key=len, reverse=True)
        self._folder = folder
        self._pattern = (
            re.compile(_WORD_START + "(" + "|".join(re.escape(path) for path in paths) + ")" + _WORD_GOES_ON)
            if paths
            else None
        )

    def real(self, mount_path: str) -> Path:
        """Where the mount path lies."""
        return self._folder / mount_path.lstrip("/")

    def translate(self, text: str) -> str:
        """`text` with every word that starts with a mount path pointed at the Pod's folder."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: str(self.real(match.group(1))), text)


def write_files(target: Path, files: Mapping[str, bytes], *, mode: int = 0o644) -> bool:
    """Make `target` hold exactly `files` (by relative path), replacing each in one step; whether anything changed."""
    target.mkdir(parents=True, exist_ok=True)
    changed = False
    for name, content in files.items():
        changed = write_file(target / name, content, mode=mode) or changed
    wanted = {target / name for name in files}
    keep = {parent for path in wanted for parent in path.parents}
    for path in sorted(target.rglob("*"), reverse=True):
        if path not in wanted and path not in keep:
            changed = True
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
    return changed


def write_file(path: Path, content: bytes, *, mode: int = 0o644) -> bool:
    """Write one file in one step where its content differs; whether it did."""
    try:
        if path.read_bytes() == content:
            return False
    except OSError:
        path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    fresh.write_bytes(content)
    fresh.chmod(mode)
    fresh.replace(path)
    return True


def remove_folder(folder: Path) -> None:
    """Remove a Pod's folder; what cannot be removed stays."""
    shutil.rmtree(folder, ignore_errors=True)
