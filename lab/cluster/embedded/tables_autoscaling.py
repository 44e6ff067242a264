"""The columns of autoscalers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Obj = Mapping[str, Any]
SHOWN = 2
"""Metrics that the table names; the others are counted."""


def reference(obj: Obj, _: datetime) -> str:
    """What is scaled: `Deployment/web`."""
    found = obj["spec"].get("scaleTargetRef") or {}
    return f"{found.get('kind', '')}/{found.get('name', '')}"


def targets(obj: Obj, _: datetime) -> str:
    """Current and wanted use of each metric: `cpu: 41%/80%`."""
    listed = obj["spec"].get("metrics") or ()
    seen = list(obj.get("status", {}).get("currentMetrics") or ())
    shown = [_one(metric, _current(metric, seen)) for metric in listed[:SHOWN]]
    more = len(listed) - len(shown)
    return ", ".join(shown) + (f" + {more} more..." if more > 0 else "") if shown else "<none>"


def _current(metric: Obj, seen: list[Obj]) -> Obj:
    source = _source(metric)
    for found in seen:
        inner = found.get(source) or {}
        if found.get("type") == metric["type"] and all(
            inner.get(key) == metric[source].get(key) for key in ("name", "container")
        ):
            current: Obj = inner["current"]
            return current
    return {}


def _one(metric: Obj, current: Obj) -> str:
    inner = metric[_source(metric)]
    target = inner["target"]
    if target["type"] == "Utilization":
        used = current.get("averageUtilization")
        text = f"{'<unknown>' if used is None else f'{used}%'}/{target['averageUtilization']}%"
    else:
        text = f"{current.get('averageValue', '<unknown>')}/{target['averageValue']}"
    return f"{inner['name']}: {text}"


def _source(metric: Obj) -> str:
    return "resource" if metric["type"] == "Resource" else "containerResource"
