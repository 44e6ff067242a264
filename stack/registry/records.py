"""What the registry keeps, and how MLflow's REST interface spells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Json = dict[str, object]


def pairs(values: Mapping[str, str]) -> list[Json]:
    """A mapping as MLflow's list of keys and values."""
    return [{"key": key, "value": value} for key, value in values.items()]


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model with its aliases; times are Unix milliseconds."""

    name: str
    created_ms: int
    updated_ms: int
    description: str
    tags: dict[str, str]
    aliases: dict[str, str]

    def json(self) -> Json:
        """As `RegisteredModel` of MLflow's interface."""
        return {
            "name": self.name,
            "creation_timestamp": self.created_ms,
            "last_updated_timestamp": self.updated_ms,
            "description": self.description,
            "tags": pairs(self.tags),
            "aliases": [{"alias": alias, "version": version} for alias, version in self.aliases.items()],
        }


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One version as its rows have it."""

    name: str
    version: str
    created_ms: int
    updated_ms: int
    description: str
    user: str
    source: str
    run_id: str
    status: str
    tags: dict[str, str]
    aliases: tuple[str, ...]

    def json(self) -> Json:
        """As `ModelVersion` of MLflow's interface."""
        return {
            "name": self.name,
            "version": self.version,
            "creation_timestamp": self.created_ms,
            "last_updated_timestamp": self.updated_ms,
            "user_id": self.user,
            "current_stage": "None",
            "description": self.description,
            "source": self.source,
            "run_id": self.run_id,
            "status": self.status,
            "tags": pairs(self.tags),
            "aliases": list(self.aliases),
        }


@dataclass(frozen=True, slots=True)
class Experiment:
    """What runs are grouped by."""

    experiment_id: str
    name: str
    artifact_location: str
    stage: str
    created_ms: int
    updated_ms: int

    def json(self) -> Json:
        """As `Experiment` of MLflow's interface."""
        return {
            "experiment_id": self.experiment_id,
            "name": self.name,
            "artifact_location": self.artifact_location,
            "lifecycle_stage": self.stage,
            "creation_time": self.created_ms,
            "last_update_time": self.updated_ms,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One training run."""

    run_id: str
    experiment_id: str
    name: str
    user: str
    status: str
    start_ms: int
    end_ms: int | None
    artifact_uri: str
    stage: str
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]

    def json(self) -> Json:
        """As `Run` of MLflow's interface."""
        info: Json = {
            "run_id": self.run_id,
            "run_uuid": self.run_id,
            "run_name": self.name,
            "experiment_id": self.experiment_id,
            "user_id": self.user,
            "status": self.status,
            "start_time": self.start_ms,
            "artifact_uri": self.artifact_uri,
            "lifecycle_stage": self.stage,
        }
        if self.end_ms is not None:
            info["end_time"] = self.end_ms
        return {"info": info, "data": self._data(), "inputs": {}, "outputs": {}}

    def metrics_json(self) -> list[Json]:
        """Its metrics, each with its one value."""
        at = self.end_ms if self.end_ms is not None else self.start_ms
        return [{"key": key, "value": value, "timestamp": at, "step": 0} for key, value in self.metrics.items()]

    def _data(self) -> Json:
        return {"metrics": self.metrics_json(), "params": pairs(self.params), "tags": pairs(self.tags)}


@dataclass(frozen=True, slots=True)
class AliasMove:
    """Somebody pointed an alias elsewhere; None is "no version"."""

    seq: int
    at_ms: int
    alias: str
    from_version: str | None
    to_version: str | None
    who: str
    message: str

    def json(self) -> Json:
        """As `/audit` tells it."""
        return {
            "seq": self.seq,
            "at": self.at_ms / 1000,
            "alias": self.alias,
            "from": self.from_version,
            "to": self.to_version,
            "who": self.who,
            "message": self.message,
        }
