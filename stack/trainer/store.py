"""Writes the registry's first content: an MLflow database made by MLflow itself, and the files of the versions."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow import MlflowClient

from stack.common.features import NAMES
from stack.registry.layout import DATABASE, file_name
from stack.registry.signature import SIGNATURE
from stack.trainer.plan import ALIASES, DESCRIPTION, EXPERIMENT, MODEL, SEED, VALIDATION_SHARE
from stack.trainer.recipes import settings
from stack.trainer.training import TrainedVersion

PAGE_BYTES = 512
"""SQLite's smallest page: MLflow's schema has some hundred tables and indexes, nearly all of them empty here."""

DEFAULT_LOCATION = "mlflow-artifacts:/0"
"""For MLflow's own first experiment, which would otherwise name a folder of the machine that made the store."""


def write_store(folder: Path, trained: Sequence[TrainedVersion], commit: str) -> None:
    """
    Register the versions, oldest first, in a fresh store in `folder`; files of an earlier store are replaced.

    The same versions and commit give the same content, ids and times included.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.onnx"), *folder.glob(f"{DATABASE}*")):
        old.unlink()
    _quieten()
    uri = f"sqlite:///{(folder / DATABASE).resolve()}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.create_experiment(EXPERIMENT, artifact_location=f"mlflow-artifacts:/{EXPERIMENT}")
    client.create_registered_model(MODEL, description=DESCRIPTION)
    runs = {}
    for version in trained:
        runs[_register(client, experiment, version, commit)] = version
        (folder / file_name(MODEL, version.planned.version)).write_bytes(version.content)
    for alias, number in ALIASES.items():
        client.set_registered_model_alias(MODEL, alias, number)
    _settle(folder / DATABASE, runs)


def _register(client: MlflowClient, experiment: str, trained: TrainedVersion, commit: str) -> str:
    """One run with its params and metrics, and the version that it made; returns the run's id."""
    planned = trained.planned
    at = int(planned.trained_at.timestamp() * 1000)
    tags = {"mlflow.user": planned.by, "mlflow.source.name": "stack.trainer", "mlflow.source.git.commit": commit}
    run = client.create_run(experiment, start_time=at, run_name=f"{MODEL}-{planned.version}", tags=tags).info.run_id
    for name, value in _params(trained).items():
        client.log_param(run, name, value)
    for name, figure in _metrics(trained).items():
        client.log_metric(run, name, figure, timestamp=at)
    client.set_terminated(run, end_time=at + 60_000)
    source = f"{EXPERIMENT}/{planned.version}/model.onnx"
    labels = {
        "sha256": trained.sha256,
        "signature": SIGNATURE,
        "trained_on": planned.trained_on,
        "recipe": planned.recipe.value,
        "by": planned.by,
    }
    made = client.create_model_version(MODEL, source, run_id=run, tags=labels, description=planned.description)
    if str(made.version) != planned.version:
        raise ValueError(f"version {planned.version} was registered as {made.version}; plan them in order from 1")
    return str(run)


def _params(trained: TrainedVersion) -> dict[str, str]:
    planned = trained.planned
    return {
        "recipe": planned.recipe.value,
        **settings(planned.recipe),
        "seed": str(SEED),
        "trained_on": planned.trained_on,
        "flights": str(trained.flights),
        "validation_share": str(VALIDATION_SHARE),
        "features": ",".join(NAMES),
        "r_gain": planned.route_gain.value,
    }


def _metrics(trained: TrainedVersion) -> dict[str, float]:
    found = trained.metrics
    return {
        "auc": found.auc,
        "brier": found.brier,
        "log_loss": found.log_loss,
        "positive_rate": found.positive_rate,
        "base_rate": found.base_rate,
        "validation_flights": float(found.flights),
    }


def _settle(path: Path, runs: Mapping[str, TrainedVersion]) -> None:
    """Give runs ids and versions times that follow from the plan, and the file its smallest size."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN")
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
            for column in columns & {"run_uuid", "run_id"}:
                for old, version in runs.items():
                    new = hashlib.sha256(f"{MODEL}/{version.planned.version}".encode()).hexdigest()[:32]
                    update = f'UPDATE "{table}" SET "{column}" = ? WHERE "{column}" = ?'  # noqa: S608
                    connection.execute(update, (new, old))
        for old, version in runs.items():
            _date(connection, version, old)
        connection.execute("COMMIT")
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")
    finally:
        connection.close()


def _date(connection: sqlite3.Connection, version: TrainedVersion, old_run: str) -> None:
    """Times of one version, its run and, for the first, of the model and experiment."""
    planned = version.planned
    at = int(planned.trained_at.timestamp() * 1000)
    number = int(planned.version)
    new_run = hashlib.sha256(f"{MODEL}/{planned.version}".encode()).hexdigest()[:32]
    connection.execute(
        "UPDATE model_versions SET creation_time = ?, last_updated_time = ?, user_id = ? WHERE version = ?",
        (at + 60_000, at + 60_000, planned.by, number),
    )
    connection.execute("UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)", (old_run, new_run))
    if number == 1:
        connection.execute("UPDATE registered_models SET creation_time = ?", (at,))
        connection.execute("UPDATE experiments SET creation_time = ?, last_update_time = ?", (at, at))
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", (DEFAULT_LOCATION,))
    connection.execute("UPDATE registered_models SET last_updated_time = ?", (at + 60_000,))


def _quieten() -> None:
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
