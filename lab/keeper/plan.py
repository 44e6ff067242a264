"""What a seed decides: when the strike comes and which of the listed tags it brings."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import assert_never

from lab.content.model import DeployEvent, Event, RegistryEvent, Scenario

RUN_UP_SECONDS = 3.0
"""Gap between events before the strike when they are played right after the gate."""


@dataclass(frozen=True, slots=True)
class PlannedDeploy:
    """One event with everything decided."""

    index: int
    after_gate: float
    """Seconds after the gate."""
    event: Event
    tag: str
    """Tag of the release, or number of the version."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The script of one run."""

    strike_seconds: float
    tag: str | None
    deploys: tuple[PlannedDeploy, ...]


def choose(slug: str, seed: int, scenario: Scenario, strike_seconds: float | None) -> tuple[float, str | None]:
    """Seconds to the strike and the seeded tag; a given strike (demo and prove) takes the place of the seed's."""
    dice = random.Random(f"{slug}:{seed}")
    low, high = scenario.seeded.strike_seconds
    drawn = dice.uniform(low, high)
    tag = dice.choice(scenario.seeded.tag) if scenario.seeded.tag else None
    return (drawn if strike_seconds is None else strike_seconds), tag


def plan(scenario: Scenario, strike_seconds: float, tag: str | None) -> Plan:
    """
    The script in order of time.

    An event that would come before the gate, because the strike was drawn or set early, comes right after it, in
    order, a few seconds apart.
    """
    ordered = sorted(enumerate(scenario.events), key=lambda pair: (pair[1].at.offset_seconds, pair[0]))
    deploys: list[PlannedDeploy] = []
    earliest = 0.0
    for index, event in ordered:
        wanted = strike_seconds + event.at.offset_seconds
        at = max(wanted, earliest)
        if event.at.offset_seconds < 0:
            earliest = at + min(RUN_UP_SECONDS, strike_seconds / 2)
        deploys.append(PlannedDeploy(index, at, event, _chosen(event, tag)))
    return Plan(strike_seconds, tag, tuple(deploys))


def _chosen(event: Event, tag: str | None) -> str:
    match event:
        case DeployEvent(deploy=deploy):
            return tag if deploy.tag == "seeded" and tag is not None else deploy.tag
        case RegistryEvent(registry=move):
            return move.to
        case _:
            assert_never(event)


def planned_rps(scenario: Scenario, seconds_after_gate: float) -> float:
    """Requests a second that the scenario plans at that time."""
    current = scenario.traffic[0].rps
    for step in scenario.traffic:
        if step.at <= seconds_after_gate:
            current = step.rps
    return current
