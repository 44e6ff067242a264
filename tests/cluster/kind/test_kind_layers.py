"""What travels into a node that has most of an image: the rest, named so that the node puts it together."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lab.cluster.kinds import layers
from lab.cluster.kinds.layers import Incomplete, write_added

BASE, OURS = b"b" * 5000, b"release: 1"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def saved(*, legacy: bool = True, diff_ids: tuple[bytes, ...] = (BASE, OURS)) -> bytes:
    """What `docker save` writes of two tags of one base: older engines name layers by chance and link to equal ones."""
    config = json.dumps({"os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(one) for one in diff_ids]}})
    names = ["one/layer.tar", "two/layer.tar"] if legacy else [f"blobs/sha256/{digest(x)[7:]}" for x in (BASE, OURS)]
    images = [
        {"Config": "c.json", "RepoTags": ["mlops-lab/feed:1"], "Layers": names},
        {"Config": "c.json", "RepoTags": ["mlops-lab/feed:2"], "Layers": ["other/layer.tar", names[1]]},
    ]
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        link = tarfile.TarInfo("other/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, f"../{names[0]}"
        archive.addfile(link)
        content = {
            names[0]: BASE,
            names[1]: OURS,
            "c.json": config.encode(),
            "manifest.json": json.dumps(images).encode(),
        }
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def parts(data: bytes, size: int = 700) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def read(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def blob(files: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    return files[f"blobs/{descriptor['digest'].replace(':', '/')}"]


@pytest.mark.parametrize("legacy", [True, False])
def test_only_what_is_not_held_is_in_it_and_all_of_it_is_named(tmp_path: Path, legacy: bool) -> None:
    write_added(parts(saved(legacy=legacy)), {digest(BASE)}, tmp_path / "added.tar")
    files = read(tmp_path / "added.tar")
    assert OURS in files.values()
    assert BASE not in files.values()
    index = json.loads(files["index.json"])["manifests"]
    assert [one["annotations"]["io.containerd.image.name"] for one in index] == [
        "docker.io/mlops-lab/feed:1",
        "docker.io/mlops-lab/feed:2",
    ]
    for one in index:
        manifest = json.loads(blob(files, one))
        assert [layer["digest"] for layer in manifest["layers"]] == [digest(BASE), digest(OURS)]
        assert [layer["size"] for layer in manifest["layers"]] == [len(BASE), len(OURS)]
        assert json.loads(blob(files, manifest["config"]))["os"] == "linux"
    for name, data in files.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/{digest(data).replace(':', '/')}"


def test_a_large_layer_that_is_missing_asks_for_the_whole_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_KEPT_BYTES", 1000)
    with pytest.raises(Incomplete):
        write_added([saved()], set(), tmp_path / "added.tar")
    write_added([saved()], {digest(BASE)}, tmp_path / "added.tar")


def test_layers_that_are_not_stored_as_they_were_built_ask_for_the_whole_image(tmp_path: Path) -> None:
    with pytest.raises(Incomplete):
        write_added([saved(diff_ids=(BASE, b"before it was compressed"))], {digest(BASE)}, tmp_path / "added.tar")
    assert not (tmp_path / "added.tar").exists()
