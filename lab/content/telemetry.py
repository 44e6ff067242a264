"""What can be asked of the stack: the metrics, recorded series and alerts that telemetry.yaml declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictStr

from lab.content.model import Content
from lab.content.promql import metric_family
from lab.content.validation import validate
from lab.content.yamlfile import Document, read_yaml
from lab.errors import ContentError, Problem

BUILT_IN = frozenset({"up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS", "ALERTS_FOR_STATE"})
"""Series that Prometheus makes by itself."""

Name = Annotated[StrictStr, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
Labels = Mapping[StrictStr, StrictStr]
"""Label to what its values mean."""


class Metric(Content):
    """One metric that a component exports."""

    name: Name
    type: Literal["counter", "gauge", "histogram", "summary"]
    unit: StrictStr
    labels: Labels
    meaning: StrictStr
    exported_by: tuple[StrictStr, ...]


class RecordedSeries(Content):
    """One series that a recording rule makes of others."""

    name: Name
    unit: StrictStr
    labels: Labels
    meaning: StrictStr


class Alert(Content):
    """One alert of the rules."""

    name: Name
    severity: StrictStr
    meaning: StrictStr
    runbook: StrictStr


class Telemetry(Content):
    """telemetry.yaml: every series and alert that rules, checks, scenarios and screens may name."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    target_labels: Labels
    """Labels that every target gets on top of its own."""
    metrics: tuple[Metric, ...]
    recording_rules: tuple[RecordedSeries, ...] = ()
    alerts: tuple[Alert, ...] = ()

    @cached_property
    def series(self) -> Mapping[str, Metric | RecordedSeries]:
        """Metrics and recorded series by name."""
        metrics: dict[str, Metric | RecordedSeries] = {metric.name: metric for metric in self.metrics}
        return metrics | {rule.name: rule for rule in self.recording_rules}

    @cached_property
    def alert_names(self) -> tuple[str, ...]:
        """Names of all alerts, sorted."""
        return tuple(sorted(alert.name for alert in self.alerts))

    def get(self, name: str) -> Metric | RecordedSeries | Alert | None:
        """What is declared under this name, a part of a histogram giving the histogram; None when nothing is."""
        if (found := self.series.get(name)) is not None:
            return found
        family = self.series.get(metric_family(name))
        if isinstance(family, Metric) and family.type == "histogram":
            return family
        return next((alert for alert in self.alerts if alert.name == name), None)

    def knows(self, name: str) -> bool:
        """Whether a series of this name can be asked for."""
        return name in BUILT_IN or isinstance(self.get(name), Metric | RecordedSeries)


class Part(Content):
    """One file of the folder `telemetry/`: more of what telemetry.yaml declares, kept apart for its length."""

    metrics: tuple[Metric, ...] = ()
    recording_rules: tuple[RecordedSeries, ...] = ()
    alerts: tuple[Alert, ...] = ()


def load_telemetry(file: Path) -> Telemetry:
    """Read telemetry.yaml and the files of `telemetry/` beside it; raises ContentError with every problem in them."""
    document = read_yaml(file)
    telemetry = validate(Telemetry, document)
    problems, seen = [*_repeats(telemetry, document, set())], _names(telemetry)
    for path in sorted(file.with_suffix("").glob("*.yaml")):
        document = read_yaml(path)
        part = validate(Part, document)
        problems += _repeats(part, document, seen)
        seen |= _names(part)
        telemetry = telemetry.model_copy(
            update={
                "metrics": telemetry.metrics + part.metrics,
                "recording_rules": telemetry.recording_rules + part.recording_rules,
                "alerts": telemetry.alerts + part.alerts,
            }
        )
    if problems:
        raise ContentError("Cannot use the telemetry", problems)
    return telemetry


def _names(part: Telemetry | Part) -> set[str]:
    kinds: tuple[tuple[Metric | RecordedSeries | Alert, ...], ...] = (part.metrics, part.recording_rules, part.alerts)
    return {item.name for kind in kinds for item in kind}


def _repeats(part: Telemetry | Part, document: Document, known: set[str]) -> Iterator[Problem]:
    """A problem for each name that was declared before, here or elsewhere."""
    seen = set(known)
    declared: tuple[tuple[str, tuple[Metric | RecordedSeries | Alert, ...]], ...] = (
        ("metrics", part.metrics),
        ("recording_rules", part.recording_rules),
        ("alerts", part.alerts),
    )
    for key, items in declared:
        for index, item in enumerate(items):
            if item.name in seen:
                step = "declare each name once"
                yield document.problem((key, index, "name"), f"`{item.name}` is declared twice", step)
            seen.add(item.name)
