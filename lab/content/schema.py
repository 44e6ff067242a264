"""JSON Schemas of what authors write, generated from the models, for editors that complete and check YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from lab.content.model import Proof, Scenario
from lab.content.release import BackgroundRelease, FeedRelease, ModelServerRelease, RegistryRelease, ServingRelease
from lab.errors import Problem

SCHEMAS_FOLDER = Path(__file__).with_name("schemas")

SCHEMAS: Mapping[str, type[BaseModel]] = {
    "scenario.json": Scenario,
    "proof.json": Proof,
    "release-serving.json": ServingRelease,
    "release-model-server.json": ModelServerRelease,
    "release-registry.json": RegistryRelease,
    "release-background.json": BackgroundRelease,
    "release-feed.json": FeedRelease,
}
"""File name of each schema to the model it comes from."""


def schema_text(model: type[BaseModel]) -> str:
    """The schema of a model as JSON, one definition or property per line, so that a change shows as one line."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
    lines = []
    for key, value in schema.items():
        if key in ("$defs", "properties"):
            inner = ",\n".join(f"    {json.dumps(name)}: {_compact(part)}" for name, part in value.items())
            lines.append(f"  {json.dumps(key)}: {{\n{inner}\n  }}")
        else:
            lines.append(f"  {json.dumps(key)}: {_compact(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def write_schemas(folder: Path) -> None:
    """Write every schema below the folder, which must exist."""
    for name, model in SCHEMAS.items():
        (folder / name).write_text(schema_text(model), encoding="utf-8")


def schema_problems(folder: Path = SCHEMAS_FOLDER) -> list[Problem]:
    """Committed schemas that differ from what the models give."""
    step = "write them again: python -c 'from lab.content.schema import *; write_schemas(SCHEMAS_FOLDER)'"
    problems = []
    for name, model in SCHEMAS.items():
        file = folder / name
        if not file.is_file() or file.read_text(encoding="utf-8") != schema_text(model):
            problems.append(Problem(file.as_posix(), 1, "file", "is not what the models give", step))
    return problems
