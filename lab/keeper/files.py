"""The files of one run and how runs are found: journal, samples, note, and the keeper's address."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from lab.incident.journal import Journal
from lab.incident.record import Samples

OPEN_PHASES = ("preparing", "on_call", "writing")
"""Phases in which a run is still going."""


class KeeperAddress(BaseModel):
    """Where a keeper listens, and which process it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pid: int
    started: float
    """Start time of the process as psutil reports it, so that a pid used again is not mistaken for it."""
    port: int
    token: str


class RunConstants(BaseModel):
    """What stays the same for a run once it is on call, kept beside the journal."""

    model_config = ConfigDict(extra="forbid")

    scenario_yaml: str
    baseline_tags: dict[str, str]
    floors: dict[str, int]
    """Component to the ready replicas that the serving safeguard asks for."""
    rules: dict[str, str]
    """Prometheus rules at the gate."""
    commits: list[str]
    """Hashes that the history safeguard protects."""
    registered: dict[str, str]
    """sha256 of each registered model version, by `NAME/VERSION`."""
    prometheus_version: str
    engine: str
    alert_labels: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Alerts of the rules at the gate, each with the labels of its rule; empty in runs from before silences counted."""
    routing: str = ""
    """Alertmanager's configuration at the gate; empty where it did not answer."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The folder of one run."""

    folder: Path

    @property
    def run_id(self) -> str:
        return self.folder.name

    @property
    def journal(self) -> Journal:
        return Journal(self.folder / "journal.jsonl")

    @property
    def note(self) -> Path:
        return self.folder / "note.md"

    @property
    def log(self) -> Path:
        return self.folder / "keeper.log"

    @property
    def report(self) -> Path:
        return self.folder / "report.json"

    @property
    def _address(self) -> Path:
        return self.folder / "keeper.json"

    @property
    def _constants(self) -> Path:
        return self.folder / "constants.json"

    @property
    def _known(self) -> Path:
        return self.folder / "known.json"

    @property
    def _samples(self) -> Path:
        return self.folder / "samples.jsonl"

    def address(self) -> KeeperAddress | None:
        """Where the run's keeper said it listens; it may be dead."""
        try:
            return KeeperAddress.model_validate_json(self._address.read_text())
        except (OSError, ValueError):
            return None

    def write_address(self, address: KeeperAddress) -> None:
        """Say where the keeper listens, readable by the user alone."""
        _write_private(self._address, address.model_dump_json())

    def constants(self) -> RunConstants | None:
        """The run's constants, there from the gate on."""
        try:
            return RunConstants.model_validate_json(self._constants.read_text())
        except (OSError, ValueError):
            return None

    def write_constants(self, constants: RunConstants) -> None:
        """Keep the run's constants."""
        _write_private(self._constants, constants.model_dump_json())

    def known(self) -> dict[str, str] | None:
        """The stack's objects as the keeper last saw them: `KIND/NAME` to a canonical text of the spec."""
        try:
            known: dict[str, str] = json.loads(self._known.read_text())
        except (OSError, ValueError):
            return None
        return known

    def write_known(self, known: dict[str, str]) -> None:
        """Keep what the keeper saw, so that a restarted one misses no change."""
        _write_private(self._known, json.dumps(known))

    def append_samples(self, at: float, values: dict[str, float | None]) -> None:
        """Add one tick to the record."""
        with self._samples.open("a") as file:
            file.write(json.dumps([at, values]) + "\n")

    def samples(self) -> Samples:
        """Every tick recorded so far; a torn last line is left out."""
        samples = Samples()
        try:
            text = self._samples.read_text()
        except OSError:
            return samples
        for line in text.splitlines():
            try:
                at, values = json.loads(line)
            except ValueError:
                break
            samples.append(at, values)
        return samples


def new_run(runs: Path, now: float) -> RunFiles:
    """A fresh folder for a run; its name sorts by time."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    folder = runs / f"{stamp}-{secrets.token_hex(2)}"
    folder.mkdir(parents=True, mode=0o700)
    return RunFiles(folder)


def all_runs(runs: Path) -> Iterator[RunFiles]:
    """Runs of a lab, newest first."""
    if not runs.is_dir():
        return
    for folder in sorted(runs.iterdir(), reverse=True):
        if (folder / "journal.jsonl").is_file():
            yield RunFiles(folder)


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(text)
    temporary.replace(path)
