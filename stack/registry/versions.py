"""
Versions of the model and the aliases that point at them.

The rest of the stack asks `resolve` for a version and `ModelVersion.content` for its bytes, and never knows where they
are kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import yaml

from stack.common.errors import StartError

CATALOGUE = Path(__file__).with_name("versions.yaml")


class UnknownVersion(StartError):
    """No version and no alias has that name."""


class HashMismatch(StartError):
    """The file of a version is not the file that was registered."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One registered version of a model."""

    model: str
    version: str
    path: Path
    sha256: str
    trained_on: str
    created: str
    """When it was registered, UTC."""
    metrics: dict[str, float]
    """Quality on the October flights."""

    def content(self) -> bytes:
        """
        The ONNX file.

        Raises:
            HashMismatch: the file is missing or is not the one that was registered.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise HashMismatch(
                f"{self.path}: the file of {self.model} version {self.version} cannot be read"
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != self.sha256:
            raise HashMismatch(
                f"{self.path}: sha256 is {found[:12]}, but {self.model} version {self.version} "
                f"was registered with {self.sha256[:12]}"
            )
        return data


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All versions of one model, oldest first."""

    model: str
    versions: tuple[ModelVersion, ...]
    aliases: dict[str, str]
    """From alias to version."""

    def resolve(self, name: str) -> ModelVersion:
        """
        The version that an alias (`champion`) or a version (`2`) names.

        Raises:
            UnknownVersion: neither is known; the message lists what is.
        """
        wanted = self.aliases.get(name, name)
        for version in self.versions:
            if version.version == wanted:
                return version
        known = ", ".join(sorted([*self.aliases, *(version.version for version in self.versions)]))
        raise UnknownVersion(f"{self.model} has no version or alias {name!r}; there are: {known}")


def read_catalogue(path: Path = CATALOGUE) -> Catalogue:
    """
    Read the list of versions; files are relative to it.

    Raises:
        StartError: the list cannot be read or lacks an entry.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        model = str(document["name"])
        versions = tuple(
            ModelVersion(
                model=model,
                version=str(entry["version"]),
                path=path.parent / entry["file"],
                sha256=str(entry["sha256"]),
                trained_on=str(entry["trained_on"]),
                created=str(entry["created"]),
                metrics={str(key): float(value) for key, value in entry["metrics"].items()},
            )
            for entry in document["versions"]
        )
        aliases = {str(alias): str(version) for alias, version in document["aliases"].items()}
    except (OSError, yaml.YAMLError) as error:
        raise StartError(
            f"{path}: the list of model versions cannot be read: {' '.join(str(error).split())}"
        ) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StartError(f"{path}: the list of model versions lacks or misspells an entry: {error}") from error
    return Catalogue(model, versions, aliases)


def resolve(alias_or_version: str, catalogue: Path = CATALOGUE) -> ModelVersion:
    """The registered version that an alias or a version number names; see `Catalogue.resolve`."""
    return read_catalogue(catalogue).resolve(alias_or_version)
