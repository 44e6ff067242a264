"""The recorded run: events and samples; everything that is judged is judged from this."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lab.incident.events import RunEvent


class Series(BaseModel):
    """Samples of one quantity in order of time; a null value means that nothing could be measured then."""

    model_config = ConfigDict(extra="forbid")

    at: list[float] = Field(default_factory=list)
    """Unix seconds, rising."""
    value: list[float | None] = Field(default_factory=list)

    def between(self, start: float, end: float) -> Iterator[tuple[float, float | None]]:
        """Samples with start <= at <= end."""
        for at, value in zip(self.at, self.value, strict=True):
            if start <= at <= end:
                yield at, value

    def append(self, at: float, value: float | None) -> None:
        """Add the newest sample."""
        self.at.append(at)
        self.value.append(value)


class Samples(BaseModel):
    """
    All series of a run, by name, sampled about once a second by the keeper.

    Names: `bites`; `objective.NAME`; `alert.NAME` (1 firing, 0 not); `good_share` (share of planned requests of the
    last second that were good, from the feed's own counters); `planned` and `offered` (requests a second: what the
    scenario plans, what the feed sent); `registered_share` (share of valid answers from registered model versions);
    `serving.gateway`, `serving.model-server` (ready replicas less the floor: >= 0 is right); `alerting` and `history`
    (1 intact, 0 not); `silenced` (1 when a protected alert would reach nobody, 0 when it would reach whom it must).
    """

    model_config = ConfigDict(extra="forbid")

    series: dict[str, Series] = Field(default_factory=dict)

    def of(self, name: str) -> Series:
        """The series of that name, empty if nothing was sampled under it."""
        return self.series.get(name) or Series()

    def append(self, at: float, values: dict[str, float | None]) -> None:
        """Add one tick of samples."""
        for name, value in values.items():
            self.series.setdefault(name, Series()).append(at, value)


class QueryAnswer(BaseModel):
    """A PromQL expression evaluated at one time; null where it had no data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    promql: str
    at: float
    value: float | None
    error: str | None = None


class Versions(BaseModel):
    """What produced the record."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lab: str
    engine: str
    """`embedded`, `kind` or `context`."""
    prometheus: str = ""


class Bundle(BaseModel):
    """The evidence of one run: enough to grade it again with the stack down."""

    model_config = ConfigDict(extra="forbid")

    bundle_version: Annotated[int, Field(ge=1)] = 1
    run_id: str
    scenario: str
    """Slug."""
    scenario_yaml: str
    """The scenario as it was, so that a later edit never regrades an old run."""
    content_hash: str
    seed: int
    versions: Versions
    events: list[RunEvent]
    samples: Samples
    answers: list[QueryAnswer] = Field(default_factory=list)
    """Impact figures and the note's own queries, evaluated live at submit."""
    note: str | None = None
    baseline_tags: dict[str, str] = Field(default_factory=dict)
    """Component to image tag at the gate."""
