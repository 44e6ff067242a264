"""
MLflow's database, read and written by its own schema without MLflow: models, versions, aliases, tags and runs.

The schema is the one of MLflow 3.17 (`alembic_version` says which), made by MLflow itself; this module changes rows
and adds one table of its own, `alias_moves`, which MLflow does not look at. A connection belongs to one thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stack.common.errors import StartError
from stack.registry.records import AliasMove, Experiment, RegisteredModel, Run, VersionRecord
from stack.registry.versions import ModelVersion

LATEST = "latest"
"""Where an alias is asked for: the highest version number; MLflow keeps this name from aliases."""

_MOVES = """CREATE TABLE IF NOT EXISTS alias_moves (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, name TEXT NOT NULL, alias TEXT NOT NULL,
    from_version INTEGER, to_version INTEGER, who TEXT NOT NULL, message TEXT NOT NULL)"""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What is registered: a version, and the run that it came from where it is told."""

    model: str
    source: str
    run_id: str
    by: str
    description: str
    tags: Mapping[str, str]


class Database:
    """One open database file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._connection.row_factory = sqlite3.Row

    @classmethod
    def open(cls, path: Path) -> Database:
        """
        The database for reading and writing.

        Raises:
            StartError: the file is no database of MLflow's.
        """
        try:
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_MOVES)
        except sqlite3.Error as error:
            raise StartError(f"{path}: not a database of the registry: {error}") from error
        return cls(connection)

    @classmethod
    @contextmanager
    def reading(cls, path: Path) -> Iterator[Database]:
        """
        A database that nobody writes, closed afterwards.

        Raises:
            StartError: it cannot be read.
        """
        try:
            connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        except sqlite3.Error as error:
            raise StartError(f"{path}: the registry's database cannot be read: {error}") from error
        try:
            yield cls(connection)
        except sqlite3.Error as error:
            raise StartError(f"{path}: the registry's database cannot be read: {error}") from error
        finally:
            connection.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def backup(self, path: Path) -> None:
        """A consistent copy of the database in another file."""
        copy = sqlite3.connect(path)
        try:
            self._connection.backup(copy)
        finally:
            copy.close()

    # Reading

    def models(self) -> list[RegisteredModel]:
        """Every registered model with its aliases, by name."""
        rows = self._all("SELECT * FROM registered_models ORDER BY name")
        return [
            RegisteredModel(
                row["name"],
                row["creation_time"],
                row["last_updated_time"],
                row["description"] or "",
                self._tags("registered_model_tags", "name = ?", row["name"]),
                self.aliases(row["name"]),
            )
            for row in rows
        ]

    def aliases(self, model: str) -> dict[str, str]:
        """From alias to version number."""
        rows = self._all("SELECT alias, version FROM registered_model_aliases WHERE name = ? ORDER BY alias", model)
        return {row["alias"]: str(row["version"]) for row in rows}

    def versions(self, model: str | None = None) -> list[VersionRecord]:
        """Every version of a model, or of all, oldest first."""
        where, values = ("WHERE name = ?", (model,)) if model is not None else ("", ())
        rows = self._all(f"SELECT * FROM model_versions {where} ORDER BY name, version", *values)  # noqa: S608
        return [self._version(row) for row in rows]

    def version(self, model: str, number: str) -> VersionRecord | None:
        """One version; None when there is none of that number."""
        if not number.isdecimal():
            return None
        rows = self._all("SELECT * FROM model_versions WHERE name = ? AND version = ?", model, int(number))
        return self._version(rows[0]) if rows else None

    def resolve(self, model: str, name: str) -> VersionRecord | None:
        """The version that an alias, a number or `latest` names."""
        if name == LATEST:
            rows = self._all("SELECT max(version) AS number FROM model_versions WHERE name = ?", model)
            number = rows[0]["number"]
            return None if number is None else self.version(model, str(number))
        rows = self._all("SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?", model, name)
        return self.version(model, str(rows[0]["version"]) if rows else name)

    def names(self, model: str) -> list[str]:
        """Everything that `resolve` knows but `latest`, sorted."""
        return sorted([*self.aliases(model), *(record.version for record in self.versions(model))])

    def described(self, record: VersionRecord) -> ModelVersion:
        """A version as a model server knows it, without its file."""
        run = self.run(record.run_id)
        at = datetime.fromtimestamp(record.created_ms / 1000, UTC)
        return ModelVersion(
            model=record.name,
            version=record.version,
            sha256=record.tags.get("sha256", ""),
            trained_on=record.tags.get("trained_on", ""),
            created=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            metrics=dict(run.metrics) if run is not None else {},
            path=record.source,
            signature=record.tags.get("signature", ""),
            run_id=record.run_id,
        )

    def experiments(self) -> list[Experiment]:
        """Every experiment, oldest first."""
        rows = self._all("SELECT * FROM experiments ORDER BY experiment_id")
        return [
            Experiment(
                str(row["experiment_id"]),
                row["name"],
                row["artifact_location"] or "",
                row["lifecycle_stage"],
                row["creation_time"],
                row["last_update_time"],
            )
            for row in rows
        ]

    def runs(self) -> list[Run]:
        """Every run, newest first."""
        return [self._run(row) for row in self._all("SELECT * FROM runs ORDER BY start_time DESC, run_uuid")]

    def run(self, run_id: str) -> Run | None:
        """One run; None when there is none."""
        rows = self._all("SELECT * FROM runs WHERE run_uuid = ?", run_id) if run_id else []
        return self._run(rows[0]) if rows else None

    def moves(self, model: str, after: int = 0) -> list[AliasMove]:
        """Alias moves with a number above `after`, oldest first."""
        rows = self._all("SELECT * FROM alias_moves WHERE name = ? AND seq > ? ORDER BY seq", model, after)
        return [
            AliasMove(
                row["seq"],
                row["at"],
                row["alias"],
                None if row["from_version"] is None else str(row["from_version"]),
                None if row["to_version"] is None else str(row["to_version"]),
                row["who"],
                row["message"],
            )
            for row in rows
        ]

    # Writing

    def move_alias(self, model: str, alias: str, version: str | None, who: str, message: str, at_ms: int) -> None:
        """Point an alias at a version, or take it away, and write down who did."""
        before = self.aliases(model).get(alias)
        with self._transaction():
            self._run_sql("DELETE FROM registered_model_aliases WHERE name = ? AND alias = ?", model, alias)
            if version is not None:
                self._run_sql(
                    "INSERT INTO registered_model_aliases (alias, version, name) VALUES (?, ?, ?)",
                    alias, int(version), model,
                )  # fmt: skip
            self._run_sql("UPDATE registered_models SET last_updated_time = ? WHERE name = ?", at_ms, model)
            self._run_sql(
                "INSERT INTO alias_moves (at, name, alias, from_version, to_version, who, message)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                at_ms, model, alias, before, version, who, message,
            )  # fmt: skip

    def add_version(self, new: NewVersion, at_ms: int) -> VersionRecord:
        """Register the next version of a model."""
        with self._transaction():
            row = self._all("SELECT max(version) AS number FROM model_versions WHERE name = ?", new.model)[0]
            number = (row["number"] or 0) + 1
            self._run_sql(
                "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, user_id,"
                " current_stage, source, run_id, status) VALUES (?, ?, ?, ?, ?, ?, 'None', ?, ?, 'READY')",
                new.model, number, at_ms, at_ms, new.description, new.by, new.source, new.run_id or None,
            )  # fmt: skip
            for key, value in new.tags.items():
                self._tag(new.model, number, key, value)
        added = self.version(new.model, str(number))
        assert added is not None
        return added

    def set_tag(self, model: str, version: str, key: str, value: str, at_ms: int) -> None:
        """Set one tag of a version."""
        with self._transaction():
            self._run_sql(
                "DELETE FROM model_version_tags WHERE name = ? AND version = ? AND key = ?", model, int(version), key
            )
            self._tag(model, int(version), key, value)
            self._run_sql(
                "UPDATE model_versions SET last_updated_time = ? WHERE name = ? AND version = ?",
                at_ms, model, int(version),
            )  # fmt: skip

    def add_run(self, run: Run) -> None:
        """Write down a finished run with its params, metrics and tags."""
        with self._transaction():
            self._run_sql(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,"
                " start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
                " VALUES (?, ?, 'UNKNOWN', '', '', ?, ?, ?, ?, '', 'active', ?, ?)",
                run.run_id, run.name, run.user, run.status, run.start_ms, run.end_ms, run.artifact_uri,
                int(run.experiment_id),
            )  # fmt: skip
            for table, values in (("params", run.params), ("tags", run.tags)):
                for key, value in values.items():
                    self._run_sql(
                        f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",  # noqa: S608
                        key, value, run.run_id,
                    )  # fmt: skip
            for table in ("metrics", "latest_metrics"):
                for key, figure in run.metrics.items():
                    self._run_sql(
                        f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid)"  # noqa: S608
                        " VALUES (?, ?, ?, 0, 0, ?)",
                        key, figure, run.end_ms, run.run_id,
                    )  # fmt: skip

    def _tag(self, model: str, number: int, key: str, value: str) -> None:
        self._run_sql(
            "INSERT INTO model_version_tags (key, value, name, version) VALUES (?, ?, ?, ?)", key, value, model, number
        )

    def _version(self, row: sqlite3.Row) -> VersionRecord:
        name, number = row["name"], row["version"]
        tags = self._tags("model_version_tags", "name = ? AND version = ?", name, number)
        aliases = tuple(alias for alias, at in self.aliases(name).items() if at == str(number))
        return VersionRecord(
            name,
            str(number),
            row["creation_time"],
            row["last_updated_time"],
            row["description"] or "",
            row["user_id"] or "",
            row["source"] or "",
            row["run_id"] or "",
            row["status"],
            tags,
            aliases,
        )

    def _run(self, row: sqlite3.Row) -> Run:
        key = row["run_uuid"]
        metrics = self._all("SELECT key, value FROM latest_metrics WHERE run_uuid = ? ORDER BY key", key)
        return Run(
            key,
            str(row["experiment_id"]),
            row["name"] or "",
            row["user_id"] or "",
            row["status"],
            row["start_time"],
            row["end_time"],
            row["artifact_uri"] or "",
            row["lifecycle_stage"],
            {item["key"]: item["value"] for item in metrics},
            self._tags("params", "run_uuid = ?", key),
            self._tags("tags", "run_uuid = ?", key),
        )

    def _tags(self, table: str, where: str, *values: object) -> dict[str, str]:
        rows = self._all(f"SELECT key, value FROM {table} WHERE {where} ORDER BY key", *values)  # noqa: S608
        return {row["key"]: row["value"] or "" for row in rows}

    def _all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def _run_sql(self, sql: str, *values: Any) -> None:
        self._connection.execute(sql, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def known_versions(records: Iterable[VersionRecord]) -> str:
    """Version numbers for a refusal."""
    return ", ".join(record.version for record in records) or "none"
