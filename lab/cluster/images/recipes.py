"""What goes into a build: the base image's context, and the few lines of each release's image."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.cluster.images.labels import CONTENT_LABEL, content_hash
from lab.cluster.images.requirements import declared_requirements, footprint, stack_requirements
from lab.cluster.provision import ImageSpec
from lab.errors import MissingError

_LEFT_OUT = ("releases", "__pycache__", "train.npz", "README.md")
"""Not in the base image: releases come in a layer of their own, training data serves no request."""

RELEASE_PATH = "/app/release.yaml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One build: files by their path in the context, `Dockerfile` among them."""

    files: Mapping[str, bytes]

    @property
    def content(self) -> str:
        """The hash of all of it."""
        return content_hash(*(part for path, data in sorted(self.files.items()) for part in (path.encode(), data)))

    def archive(self) -> io.BytesIO:
        """The context as a tar file; the same files give the same bytes."""
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as archive:
            for path, data in sorted(self.files.items()):
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode, entry.mtime = len(data), 0o644, 0
                archive.addfile(entry, io.BytesIO(data))
        target.seek(0)
        return target


class Recipes:
    """The recipes of one stack, each file of it read once."""

    def __init__(self, stack_root: Path) -> None:
        self._stack_root = stack_root
        self._base: Recipe | None = None
        self._containers: dict[str, dict[str, Any]] | None = None

    def base(self) -> Recipe:
        """
        The image that all components share.

        Raises:
            MissingError: the product's own files are not complete.
        """
        if self._base is None:
            self._base = _base(self._stack_root)
        return self._base

    def release(self, spec: ImageSpec, base: str) -> Recipe:
        """The image of one release: the image `base`, and one file on top of it."""
        module = f"stack.{spec.component.replace('-', '_')}"
        lines = [
            f"FROM {base}",
            f"COPY release.yaml {RELEASE_PATH}",
            f"ENV RELEASE={spec.tag} RELEASE_FILE={RELEASE_PATH}",
            *self._health(spec.component),
            f"ENTRYPOINT {json.dumps(['python', '-m', module])}",
        ]
        return Recipe({"Dockerfile": "\n".join(lines).encode(), "release.yaml": spec.release_file.read_bytes()})

    def _health(self, component: str) -> list[str]:
        """What Docker itself looks at, taken from the liveness probe and the port of the component's manifest."""
        if self._containers is None:
            self._containers = dict(_deployed(self._stack_root / "platform" / "manifests"))
        container = self._containers.get(component)
        if container is None:
            return []
        port, path = container["ports"][0]["containerPort"], container["livenessProbe"]["httpGet"]["path"]
        look = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{port}{path}', timeout=2)"
        options = "--interval=10s --timeout=3s --start-period=15s --retries=3"
        return [f"EXPOSE {port}", f"HEALTHCHECK {options} CMD {json.dumps(['python', '-c', look])}"]


def labels_of(recipe: Recipe, *parents: str) -> dict[str, str]:
    """The labels to build with; `parents` are ids of the images that the recipe starts from."""
    return {CONTENT_LABEL: content_hash(recipe.content.encode(), *(parent.encode() for parent in parents))}


def _sources(stack_root: Path, packages: tuple[str, ...]) -> Iterator[Path]:
    yield stack_root / "__init__.py"
    for package in packages:
        for path in sorted((stack_root / package).rglob("*")):
            if path.is_file() and not set(path.relative_to(stack_root).parts) & set(_LEFT_OUT):
                yield path


def _base(stack_root: Path) -> Recipe:
    dockerfile = stack_root / "Dockerfile"
    if not dockerfile.is_file():
        raise MissingError("The Dockerfile is missing", f"there is no {dockerfile}.", "Install mlops-lab again.")
    made_of = footprint(stack_root)
    lines = stack_requirements(made_of.names, declared_requirements(stack_root))
    files = {"Dockerfile": dockerfile.read_bytes(), "requirements.txt": "".join(f"{line}\n" for line in lines).encode()}
    for path in _sources(stack_root, made_of.packages):
        files[f"stack/{path.relative_to(stack_root).as_posix()}"] = path.read_bytes()
    return Recipe(files)


def _deployed(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The container of every Deployment, by the Deployment's name."""
    for path in sorted(folder.glob("*.yaml")):
        for item in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if item and item["kind"] == "Deployment":
                yield str(item["metadata"]["name"]), item["spec"]["template"]["spec"]["containers"][0]
