"""What the registry does: resolve, hand out files, register, move aliases; nothing that is registered ever goes."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.common.errors import StartError
from stack.registry.database import LATEST, Database, NewVersion, known_versions
from stack.registry.layout import DATABASE, STORE, file_name
from stack.registry.records import Json, Run, VersionRecord
from stack.registry.refusals import invalid, kept, missing
from stack.registry.signature import SIGNATURE
from stack.registry.versions import MODEL

FIXED_TAGS = frozenset({"sha256", "signature", "trained_on"})
"""Tags that say what a version is; they are written once."""

_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.IGNORECASE)
_NUMBER = re.compile(r"v?\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Submission:
    """A version that comes with its file and with the figures of the run that made it."""

    model: str
    by: str
    description: str
    content: bytes
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def furnish(folder: Path, seed: Path = STORE) -> None:
    """
    Put the first content into an empty data folder; one that has a database already is left as it is.

    Raises:
        StartError: it cannot be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / DATABASE).exists():
            return
        for path in sorted(seed.glob("*.onnx")):
            shutil.copyfile(path, folder / path.name)
        beside = folder / f"{DATABASE}.new"
        shutil.copyfile(seed / DATABASE, beside)
        beside.replace(folder / DATABASE)
    except OSError as error:
        raise StartError(f"{folder}: the registry's data cannot be put here: {error}") from error


class Registry:
    """The registry over one data folder; `now` gives Unix seconds."""

    def __init__(self, folder: Path, database: Database, now: Callable[[], float]) -> None:
        self.database = database
        self._folder = folder
        self._now = now
        self._hashes: dict[str, tuple[tuple[int, int], str]] = {}

    def resolve(self, model: str, name: str) -> VersionRecord:
        """
        The version that an alias, a number or `latest` names.

        Raises:
            Refusal: nothing has that name.
        """
        found = self.database.resolve(model, name)
        if found is None:
            known = ", ".join(self.database.names(model))
            raise missing(f"{model} has no version or alias {name!r}; there are: {known or 'none'}")
        return found

    def require(self, model: str, version: str) -> VersionRecord:
        """One version by its number; raises Refusal when there is none."""
        found = self.database.version(model, version)
        if found is None:
            known = known_versions(self.database.versions(model))
            raise missing(f"Model Version (name={model}, version={version}) not found; there are: {known}")
        return found

    def content(self, model: str, version: str) -> bytes:
        """The file of a version; raises Refusal where it has none."""
        self.require(model, version)
        try:
            return self._file(model, version).read_bytes()
        except OSError as error:
            raise missing(f"version {version} of {model} has no file here") from error

    def hashes(self, model: str) -> dict[str, str]:
        """sha256 of each version's file as it is now, by version; empty text where there is no file."""
        return {record.version: self._hash(model, record.version) for record in self.database.versions(model)}

    def state(self, model: str) -> Json:
        """Aliases, hashes of the files and the audit trail, all that a watcher compares."""
        return {
            "model": model,
            "aliases": self.database.aliases(model),
            "versions": self.hashes(model),
            "moves": [move.json() for move in self.database.moves(model)],
        }

    def move_alias(self, model: str, alias: str, version: str | None, who: str, message: str = "") -> None:
        """
        Point an alias at a version; None takes it away.

        Raises:
            Refusal: there is no such version, or the name is none for an alias.
        """
        if alias == LATEST or _NUMBER.fullmatch(alias) or not _ALIAS.fullmatch(alias):
            raise invalid(f"{alias!r} cannot be an alias; use a word of letters, digits, dashes and underscores")
        if version is not None:
            version = self.require(model, version).version
        if self.database.aliases(model).get(alias) != version:
            self.database.move_alias(model, alias, version, who or "unknown", message, self._millis())

    def register(self, submission: Submission) -> VersionRecord:
        """
        The next version, with its file and run; the same file with the same description is registered once.

        Raises:
            Refusal: the model is unknown or the file is empty.
        """
        self._require_model(submission.model)
        if not submission.content:
            raise invalid("the file of the version is empty")
        digest = hashlib.sha256(submission.content).hexdigest()
        for record in self.database.versions(submission.model):
            if record.tags.get("sha256") == digest and record.description == submission.description:
                return record
        run = self._run_of(submission, digest)
        self.database.add_run(run)
        tags = {"signature": SIGNATURE, **submission.tags, "sha256": digest, "by": submission.by}
        number = len(self.database.versions(submission.model)) + 1
        source = f"{submission.model}/{number}/model.onnx"
        new = NewVersion(submission.model, source, run.run_id, submission.by, submission.description, tags)
        record = self.database.add_version(new, self._millis())
        self._write(submission.model, record.version, submission.content)
        return record

    def create(self, new: NewVersion) -> VersionRecord:
        """The next version without its file, as MLflow's client makes one; raises Refusal for an unknown model."""
        self._require_model(new.model)
        return self.database.add_version(new, self._millis())

    def attach(self, model: str, version: str, content: bytes) -> str:
        """
        Give a version its file, once; returns its sha256.

        Raises:
            Refusal: it has one, or the file is not the one that its tag `sha256` announces.
        """
        record = self.require(model, version)
        if self._file(model, version).exists():
            raise kept(f"version {version} of {model} has its file; register another version instead")
        digest = hashlib.sha256(content).hexdigest()
        announced = record.tags.get("sha256", digest)
        if announced != digest:
            raise invalid(f"the file has sha256 {digest[:12]}, but the version announces {announced[:12]}")
        self._write(model, version, content)
        self.database.set_tag(model, version, "sha256", digest, self._millis())
        return digest

    def set_tag(self, model: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version; raises Refusal for one that says what the version is and is there already."""
        record = self.require(model, version)
        if key in FIXED_TAGS and record.tags.get(key, value) != value:
            raise kept(f"tag {key} of version {version} is written once; register another version instead")
        self.database.set_tag(model, version, key, value, self._millis())

    def snapshot(self) -> bytes:
        """A tar file with a consistent copy of the database and all files."""
        target = io.BytesIO()
        copy = self._folder / f"{DATABASE}.copy"
        copy.unlink(missing_ok=True)
        self.database.backup(copy)
        with tarfile.open(fileobj=target, mode="w") as archive:
            archive.add(copy, DATABASE)
            for path in sorted(self._folder.glob("*.onnx")):
                archive.add(path, path.name)
        copy.unlink()
        return target.getvalue()

    def _require_model(self, name: str) -> None:
        known = [model.name for model in self.database.models()]
        if name not in known:
            raise missing(f"Registered Model with name={name} not found; there are: {', '.join(known)}")

    def _run_of(self, submission: Submission, digest: str) -> Run:
        at = self._millis()
        run_id = hashlib.sha256(f"{digest}{at}".encode()).hexdigest()[:32]
        name = f"{submission.model}-{digest[:7]}"
        experiment = next((one for one in self.database.experiments() if one.name == submission.model), None)
        key = experiment.experiment_id if experiment is not None else "0"
        tags = {"mlflow.user": submission.by, "mlflow.runName": name}
        return Run(
            run_id, key, name, submission.by, "FINISHED", at, at, f"mlflow-artifacts:/{submission.model}/{run_id}",
            "active", dict(submission.metrics), dict(submission.params), tags,
        )  # fmt: skip

    def _file(self, model: str, version: str) -> Path:
        return self._folder / file_name(model, version)

    def _write(self, model: str, version: str, content: bytes) -> None:
        path = self._file(model, version)
        beside = path.with_suffix(".new")
        beside.write_bytes(content)
        beside.replace(path)

    def _hash(self, model: str, version: str) -> str:
        path = self._file(model, version)
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            cached = self._hashes.get(version)
            if cached is None or cached[0] != stamp:
                cached = (stamp, hashlib.sha256(path.read_bytes()).hexdigest())
                self._hashes[version] = cached
        except OSError:
            return ""
        return cached[1]

    def _millis(self) -> int:
        return int(self._now() * 1000)


DEFAULT_MODEL = MODEL
"""The model meant where a question names none."""
