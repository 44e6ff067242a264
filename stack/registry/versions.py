"""
Registered versions of the model, with what a server needs to know and to check of one before it serves it.

`resolve` reads the store that the code ships with; a running model server asks the registry over HTTP instead
(`stack.model_server.loading`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from stack.common.errors import StartError
from stack.registry.layout import DATABASE, STORE, file_name

MODEL = "flight-risk"


class UnknownVersion(StartError):
    """No version and no alias has that name."""


class HashMismatch(StartError):
    """The file of a version is not the file that was registered."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One registered version of a model."""

    model: str
    version: str
    sha256: str
    """Of the ONNX file, in hexadecimal, as it was registered."""
    trained_on: str
    created: str
    """When it was registered, UTC."""
    metrics: dict[str, float]
    """Quality on the flights that were kept from training, as the run that made it measured them."""
    path: str = ""
    """Where the file came from: a path or an address."""
    signature: str = ""
    """Inputs and outputs as JSON; see `stack.registry.signature`."""
    run_id: str = ""
    data: bytes = field(default=b"", repr=False)
    """The file as it was read; not yet checked."""

    def with_file(self, path: str, data: bytes) -> ModelVersion:
        """The same version with its file, as it was read from `path`."""
        return replace(self, path=path, data=data)

    def content(self) -> bytes:
        """
        The ONNX file.

        Raises:
            HashMismatch: it is not the one that was registered.
        """
        found = hashlib.sha256(self.data).hexdigest()
        if found != self.sha256:
            raise HashMismatch(
                f"{self.path}: sha256 is {found[:12]}, but {self.model} version {self.version} "
                f"was registered with {self.sha256[:12]}"
            )
        return self.data


def resolve(alias_or_version: str, store: Path = STORE, model: str = MODEL) -> ModelVersion:
    """
    The version of the shipped store that an alias (`champion`) or a number (`2`) names, with its file.

    Raises:
        UnknownVersion: neither is known; the message lists what is.
        HashMismatch: its file cannot be read.
    """
    from stack.registry.database import Database  # spares a server that asks over HTTP the memory of SQLite

    with Database.reading(store / DATABASE) as database:
        found = database.resolve(model, alias_or_version)
        if found is None:
            known = ", ".join(database.names(model))
            raise UnknownVersion(f"{model} has no version or alias {alias_or_version!r}; there are: {known}")
        described = database.described(found)
    path = store / file_name(model, described.version)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HashMismatch(f"{path}: the file of {model} version {described.version} cannot be read") from error
    return described.with_file(str(path), data)
