"""Which local command stands for which image: the file that takes the place of a registry and of pulling."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CATALOGUE = "images.json"


@dataclass(frozen=True, slots=True)
class LocalImage:
    """One image of the catalogue."""

    image: str
    """Reference as manifests write it, such as `mlops-lab/gateway:2.3.1`."""
    entrypoint: tuple[str, ...]
    """Program and arguments that run without a `command` in the manifest."""
    env: dict[str, str]
    """Variables that the image sets; the manifest's win over them."""


def write_catalogue(state_dir: Path, images: Iterable[LocalImage]) -> None:
    """Add `images` to the catalogue, replacing entries of the same reference, in one step."""
    known = _read(state_dir / CATALOGUE)
    known.update({image.image: image for image in images})
    document = {
        reference: {"entrypoint": list(image.entrypoint), "env": image.env}
        for reference, image in sorted(known.items())
    }
    state_dir.mkdir(parents=True, exist_ok=True)
    fresh = state_dir / f"{CATALOGUE}.{os.getpid()}.tmp"
    fresh.write_text(json.dumps(document, indent=1), encoding="utf-8")
    fresh.replace(state_dir / CATALOGUE)


def lookup(state_dir: Path, image: str) -> LocalImage | None:
    """The image of that reference, or None; a reference without a tag means `:latest`."""
    known = _CACHE.read(state_dir / CATALOGUE)
    return known.get(image) or known.get(f"{image}:latest")


class _CatalogueCache:
    """The last parsed version of each catalogue file, parsed again when the file is another one."""

    def __init__(self) -> None:
        self._parsed: dict[Path, tuple[tuple[int, int, int], Mapping[str, LocalImage]]] = {}

    def read(self, path: Path) -> Mapping[str, LocalImage]:
        try:
            found = path.stat()
        except FileNotFoundError:
            return {}
        version = (found.st_ino, found.st_mtime_ns, found.st_size)
        cached = self._parsed.get(path)
        if cached is None or cached[0] != version:
            cached = (version, _read(path))
            self._parsed[path] = cached
        return cached[1]


_CACHE = _CatalogueCache()


def _read(path: Path) -> dict[str, LocalImage]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {
        reference: LocalImage(reference, tuple(entry["entrypoint"]), dict(entry["env"]))
        for reference, entry in document.items()
    }
