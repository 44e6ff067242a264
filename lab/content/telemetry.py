"""What can be asked of the stack: the metrics of telemetry.yaml, and the recorded series and alerts of the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.content.promql import metric_family
from lab.content.yamlfile import Document, read_yaml
from lab.errors import ContentError

RULES_FOLDER = "rules"
"""Folder of Prometheus rule files, beside telemetry.yaml."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as telemetry.yaml declares it."""

    name: str
    kind: str
    """counter, gauge, histogram, or recorded."""
    unit: str
    labels: tuple[str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of the rules, with what its page says."""

    name: str
    promql: str
    summary: str


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Every metric, recorded series and alert, by name."""

    metrics: Mapping[str, Metric]
    alerts: Mapping[str, Alert]

    def knows(self, series: str) -> bool:
        """Whether a series of this name is declared or recorded; parts of a histogram count as the histogram."""
        if series in self.metrics or series == "up":
            return True
        family = self.metrics.get(metric_family(series))
        return family is not None and family.kind == "histogram"


def load_telemetry(file: Path) -> Telemetry:
    """Read telemetry.yaml and the rules beside it; raises ContentError when the file is missing or cannot be parsed."""
    metrics = {metric.name: metric for metric in _metrics(read_yaml(file))}
    alerts: dict[str, Alert] = {}
    folder = file.parent / RULES_FOLDER
    for rules in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
        for rule in _rules(read_yaml(rules)):
            annotations = rule.get("annotations")
            if (name := _text(rule, "alert")) and isinstance(annotations, dict):
                alerts[name] = Alert(name, _text(rule, "expr"), _text(annotations, "summary"))
            elif name := _text(rule, "record"):
                metrics.setdefault(name, Metric(name, "recorded", "", (), ""))
    return Telemetry(metrics, alerts)


def _metrics(document: Document) -> Iterator[Metric]:
    """The declarations: a list under `metrics`, each with at least `name` and `type`."""
    declared = document.at(("metrics",))
    if not isinstance(declared, list):
        problem = document.problem(("metrics",), "is not a list", "declare metrics as a list of name, type, unit, ...")
        raise ContentError(f"Cannot use {document.path}", [problem])
    for entry in declared:
        if isinstance(entry, dict) and (name := _text(entry, "name")):
            labels = entry.get("labels")
            yield Metric(
                name,
                _text(entry, "type"),
                _text(entry, "unit"),
                tuple(str(label) for label in labels) if isinstance(labels, list) else (),
                _text(entry, "meaning"),
            )


def _rules(document: Document) -> Iterator[Mapping[str, object]]:
    groups = document.at(("groups",))
    for group in groups if isinstance(groups, list) else ():
        rules = group.get("rules") if isinstance(group, dict) else None
        for rule in rules if isinstance(rules, list) else ():
            if isinstance(rule, dict):
                yield rule


def _text(mapping: Mapping[str, object], key: str) -> str:
    value = mapping.get(key)
    return value.strip() if isinstance(value, str) else ""
