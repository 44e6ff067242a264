"""The evidence bundle on disk: one gzip file of JSON with a checksum, enough to grade a run again."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from lab.errors import ContentError, Problem
from lab.incident.record import Bundle

FORMAT = "mlops-lab-bundle"
BUNDLE_VERSION = 1
"""The newest version of the bundle that this lab reads and writes."""
LARGEST_BYTES = 256 * 1024 * 1024
"""A bundle that unpacks to more than this is refused."""


class Envelope(BaseModel):
    """What the file holds: the bundle, and the checksum of its canonical JSON."""

    model_config = ConfigDict(extra="forbid")

    format: str
    sha256: str
    bundle: dict[str, JsonValue]


def checksum(bundle: dict[str, JsonValue]) -> str:
    """SHA-256 of the canonical JSON (sorted keys, no spaces, shortest figures that read back exactly), in hex."""
    return hashlib.sha256(_canonical(bundle)).hexdigest()


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Write the bundle whole or not at all; the same bundle gives the same bytes."""
    content = bundle.model_dump(mode="json")
    envelope = {"format": FORMAT, "sha256": checksum(content), "bundle": content}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    with draft.open("wb") as file:
        file.write(gzip.compress(_canonical(envelope), compresslevel=6, mtime=0))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_bundle(path: Path) -> Bundle:
    """
    The bundle as it was written, figure for figure.

    Raises:
        ContentError: there is no such file, it is cut off or not a bundle, a newer lab wrote it, or it was edited.
    """
    envelope = _envelope(path, _unpacked(path))
    version = envelope.bundle.get("bundle_version")
    if not isinstance(version, int) or version > BUNDLE_VERSION:
        raise _refused(
            path,
            f"the bundle has version {version}, and this lab reads up to {BUNDLE_VERSION}",
            "Grade it with the lab that wrote it, or a newer one",
        )
    if checksum(envelope.bundle) != envelope.sha256:
        raise _refused(
            path,
            "its content does not match its checksum, so it was changed after it was written",
            "Use the file as the run wrote it",
        )
    try:
        return Bundle.model_validate(envelope.bundle)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _refused(
            path, f"{where}: {first['msg']}", "Grade it with the version of the lab that wrote it"
        ) from error


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path, "rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError as error:
        raise _refused(
            path, "there is no such file", "Give the path of a bundle; `lab incident list` shows them"
        ) from error
    except EOFError as error:
        raise _refused(path, "the file is cut off", "Copy it again, whole") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _refused(
            path, "the file is not a gzip archive, or it is damaged", "Give the file the run wrote"
        ) from error
    except OSError as error:
        raise _refused(path, f"it cannot be read: {error.strerror}", "Check the path and its permissions") from error
    if len(content) > LARGEST_BYTES:
        raise _refused(path, f"it unpacks to more than {LARGEST_BYTES} bytes", "Give a bundle that the lab wrote")
    return content


def _envelope(path: Path, content: bytes) -> Envelope:
    try:
        envelope = Envelope.model_validate(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise _refused(path, "it is not a bundle of the lab", "Give the file that the run wrote") from error
    if envelope.format != FORMAT:
        raise _refused(path, f"its format is {envelope.format!r}, not {FORMAT!r}", "Give the file that the run wrote")
    return envelope


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _refused(path: Path, what: str, next_step: str) -> ContentError:
    return ContentError("The bundle cannot be used", [Problem(str(path), 1, "bundle", what, next_step)])
