"""Tables as `kubectl get` prints them: the server decides columns, cells and ages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from lab.cluster.embedded.kinds import Kind
from lab.cluster.embedded.tables_columns import COLUMNS, Column

Obj = Mapping[str, Any]
IncludeObject = Literal["Metadata", "Object", "None"]


def table(
    kind: Kind,
    objects: Sequence[Obj],
    *,
    version: str,
    now: datetime,
    include: IncludeObject,
    with_columns: bool = True,
) -> dict[str, Any]:
    """A `meta.k8s.io/v1` Table of these objects; watches leave the columns out after their first event."""
    columns = COLUMNS.get(kind.plural, COLUMNS[""])
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": [_definition(column) for column in columns] if with_columns else None,
        "rows": [_row(columns, obj, now, include) for obj in objects],
    }


def _definition(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "format": "name" if column.name == "Name" else "",
        "description": column.name,
        "priority": column.priority,
    }


def _row(columns: Sequence[Column], obj: Obj, now: datetime, include: IncludeObject) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": [column.cell(obj, now) for column in columns]}
    match include:
        case "Metadata":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": obj["metadata"],
            }
        case "Object":
            row["object"] = obj
        case "None":
            pass
    return row
