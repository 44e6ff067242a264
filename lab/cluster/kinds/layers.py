"""
Archives of images without the layers that a node has already.

`docker save` always writes whole images. Here its archive becomes an OCI image layout (image-spec, image-layout.md and
manifest.md) whose manifests name every layer, and which carries those alone that the node's content store lacks.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_KEPT_BYTES = 8 * 2**20
"""Larger files of an archive are hashed and not kept: a layer that a release adds has a few kilobytes."""
_BLOCK = 2**20
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_NAME = "io.containerd.image.name"


class Incomplete(Exception):
    """A layer is neither held nor small, or is not stored as it was built."""


@dataclass(frozen=True, slots=True)
class _File:
    """One file of an archive; `data` is None where it is too large to keep."""

    digest: str
    size: int
    data: bytes | None


def write_added(saved: Iterable[bytes], held: AbstractSet[str], target: Path) -> None:
    """
    Write to `target` the images of a `docker save` archive, given in parts, less the layers whose digests are `held`.

    Raises:
        Incomplete: what is missing cannot be told apart or is too large; nothing is written.
    """
    files = dict(_files(io.BufferedReader(_Stream(saved), _BLOCK)))
    blobs: dict[str, bytes] = {}
    index: list[dict[str, Any]] = []
    for image in json.loads(_text(files, "manifest.json")):
        manifest = _manifest(image["Config"], image["Layers"], files, held, blobs)
        for name in image.get("RepoTags") or ():
            index.append({**_keep(blobs, manifest, _MANIFEST), "annotations": {_NAME: f"docker.io/{name}"}})
    listing = json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": index}).encode()
    _write(target, {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": listing} | _named(blobs))


def _manifest(
    config: str, layers: Sequence[str], files: Mapping[str, _File], held: AbstractSet[str], blobs: dict[str, bytes]
) -> bytes:
    described = _text(files, config)
    found = [files[name] for name in layers]
    if [one.digest for one in found] != json.loads(described)["rootfs"]["diff_ids"]:
        raise Incomplete("layers are compressed")
    for one in found:
        if one.digest not in held:
            if one.data is None:
                raise Incomplete(f"layer {one.digest} is too large")
            blobs[one.digest] = one.data
    body = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _keep(blobs, described, _CONFIG),
        "layers": [{"mediaType": _LAYER, "digest": one.digest, "size": one.size} for one in found],
    }
    return json.dumps(body).encode()


def _keep(blobs: dict[str, bytes], data: bytes, media_type: str) -> dict[str, Any]:
    """Put a blob in, and return its descriptor."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    blobs[digest] = data
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def _text(files: Mapping[str, _File], name: str) -> bytes:
    data = files[name].data if name in files else None
    if data is None:
        raise Incomplete(f"there is no {name}")
    return data


def _files(stream: IO[bytes]) -> Iterator[tuple[str, _File]]:
    """Every file of the archive, links to another one included."""
    links: dict[str, str] = {}
    seen: dict[str, _File] = {}
    with tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK) as archive:
        for entry in archive:
            if entry.issym() or entry.islnk():
                folder = posixpath.dirname(entry.name) if entry.issym() else ""
                links[entry.name] = posixpath.normpath(posixpath.join(folder, entry.linkname))
            elif (content := archive.extractfile(entry)) is not None:
                seen[entry.name] = _read(content, entry.size)
    yield from seen.items()
    yield from ((name, seen[target]) for name, target in links.items() if target in seen)


def _read(content: IO[bytes], size: int) -> _File:
    digest, kept = hashlib.sha256(), io.BytesIO()
    while block := content.read(_BLOCK):
        digest.update(block)
        if size <= _KEPT_BYTES:
            kept.write(block)
    return _File(f"sha256:{digest.hexdigest()}", size, kept.getvalue() if size <= _KEPT_BYTES else None)


def _named(blobs: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"blobs/{digest.replace(':', '/')}": data for digest, data in blobs.items()}


def _write(target: Path, files: Mapping[str, bytes]) -> None:
    with tarfile.open(target, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


class _Stream(io.RawIOBase):
    """Parts that come one after another, as one file to read."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and (part := next(self._parts, None)) is not None:
            self._rest = part
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)
