"""The operator's verbs on the model registry."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from lab.errors import MissingError, SettingsError
from lab.operate import tables
from lab.operate.lab import Lab
from lab.operate.verbs import Outcome
from lab.telemetry.registry import Version

OPERATOR = "you"
INSTALL = "pip install 'mlflow>=3.17,<3.18'"
_FIGURES = ("auc", "brier", "log_loss", "positive_rate", "base_rate")
_HASH = 12


@dataclass(frozen=True, slots=True)
class Screens:
    """MLflow's own screens over a copy of the registry: the copy, and the program that shows it."""

    folder: Path
    program: Path

    def argv(self, port: int) -> tuple[str, ...]:
        """The command that serves them on this machine alone."""
        store = f"sqlite:///{self.folder / 'registry.db'}"
        return (str(self.program), "ui", "--backend-store-uri", store, "--host", "127.0.0.1", "--port", str(port))


def registry_list(lab: Lab) -> Outcome:
    """Every version with its aliases and figures, newest first."""
    now = lab.around.now()
    rows = [("VERSION", "ALIASES", "RECIPE", "TRAINED ON", "AUC", "BRIER", "BY", "AGE", "SHA256")]
    for version in reversed(lab.registry.versions()):
        rows.append(
            (
                version.version,
                ",".join(version.aliases) or "-",
                version.tags.get("recipe", "-"),
                version.tags.get("trained_on", "-"),
                _figure(version, "auc"),
                _figure(version, "brier"),
                version.by or "-",
                tables.age(now - version.created),
                version.tags.get("sha256", "")[:_HASH] or "-",
            )
        )
    return Outcome(tables.aligned(rows))


def registry_show(lab: Lab, name: str) -> Outcome:
    """One version by number or alias: where it comes from, its params and its figures."""
    version = lab.registry.version(name)
    registered = datetime.fromtimestamp(version.created, UTC).isoformat(timespec="seconds")
    rows = [
        ("version", version.version),
        ("aliases", ", ".join(version.aliases) or "none"),
        ("registered", f"{registered.replace('+00:00', 'Z')} by {version.by}"),
        ("description", version.description),
        ("sha256", version.tags.get("sha256", "")),
        ("file", _file(version)),
        ("signature", version.tags.get("signature", "")),
        ("run", version.run_id or "none"),
        ("commit", version.commit or "unknown"),
        *((f"param {key}", value) for key, value in version.params.items()),
        *((f"metric {key}", f"{value:g}") for key, value in version.metrics.items()),
    ]
    moves = [move for move in lab.registry.state().moves if version.version in (move.before, move.after)]
    now = lab.around.now()
    rows += [
        (f"moved {tables.age(now - move.at)} ago", f"{move.alias}: {move.before} -> {move.after} by {move.who}")
        for move in moves
    ]
    return Outcome(tables.aligned(rows))


def registry_compare(lab: Lab, left: str, right: str) -> Outcome:
    """Two versions side by side, what differs alone."""
    one, two = lab.registry.version(left), lab.registry.version(right)
    rows = [("", f"version {one.version}", f"version {two.version}")]
    rows += _differing("", _facts(one), _facts(two))
    rows += _differing("param ", one.params, two.params)
    rows += _differing("metric ", _shown(one.metrics), _shown(two.metrics))
    return Outcome(tables.aligned(rows) if len(rows) > 1 else f"{left} and {right} do not differ.")


def registry_alias(lab: Lab, alias: str, version: str) -> Outcome:
    """Point an alias at a version; the model servers follow within two seconds."""
    before = lab.registry.state().aliases.get(alias)
    lab.registry.move_alias(alias, version, OPERATOR)
    if before == version:
        return Outcome(f"alias {alias} is at version {version} already")
    return Outcome(f"alias {alias} moved: version {before or 'none'} -> {version}", changed=True)


def registry_screens(lab: Lab) -> Screens:
    """
    Copy the registry beside the lab's state, for MLflow's own screens.

    Raises:
        MissingError: MLflow is not installed; says how.
    """
    program = _mlflow(lab.around.environ)
    if program is None:
        raise MissingError(
            "MLflow is not installed", "its screens come with MLflow itself, which the lab does not need.", INSTALL
        )
    folder = lab.around.places.directory / "mlflow"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(lab.registry.snapshot())) as archive:
        archive.extractall(folder, filter="data")
    return Screens(folder, program)


def registry_ui(lab: Lab) -> Outcome:
    """Where the copy lies, and the command that shows it."""
    screens = registry_screens(lab)
    return Outcome(f"copied to {screens.folder}; `lab ops registry ui` in a terminal shows it until you stop it")


def require_alias(text: str) -> str:
    """A word that can be an alias; raises SettingsError."""
    if not text or text.isdigit():
        raise SettingsError("Not an alias", f"{text!r} is no alias.", "Write it like: registry alias champion 2")
    return text


def _mlflow(environ: Mapping[str, str]) -> Path | None:
    """The program `mlflow` of a whole MLflow; the one beside this Python may be a slim one, which has no screens."""
    beside = Path(sys.executable).parent
    if find_spec("mlflow") is not None and find_spec("flask") is not None:
        return beside / "mlflow"
    others = [folder for folder in environ.get("PATH", "").split(os.pathsep) if folder and Path(folder) != beside]
    found = shutil.which("mlflow", path=os.pathsep.join(others)) if others else None
    return None if found is None else Path(found)


def _file(version: Version) -> str:
    if not version.file_sha256:
        return "missing"
    return "as registered" if version.file_sha256 == version.tags.get("sha256") else "NOT the one that was registered"


def _facts(version: Version) -> dict[str, str]:
    return {
        "aliases": ", ".join(version.aliases) or "none",
        "by": version.by,
        "description": version.description,
        "commit": version.commit,
        "sha256": version.tags.get("sha256", "")[:_HASH],
    }


def _shown(metrics: Mapping[str, float]) -> dict[str, str]:
    first = [key for key in _FIGURES if key in metrics]
    return {key: f"{metrics[key]:g}" for key in (*first, *(key for key in metrics if key not in first))}


def _differing(prefix: str, left: Mapping[str, str], right: Mapping[str, str]) -> list[tuple[str, str, str]]:
    keys: Iterable[str] = dict.fromkeys((*left, *right))
    return [(prefix + key, left.get(key, "-"), right.get(key, "-")) for key in keys if left.get(key) != right.get(key)]


def _figure(version: Version, name: str) -> str:
    return f"{version.metrics[name]:.4f}" if name in version.metrics else "-"
