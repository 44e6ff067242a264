"""Content of the fake run: scenarios, causes, series and texts."""

from __future__ import annotations

import math

from lab.grading.report import Check, Report, ScoreLine
from lab.tui.backend import CauseChoice, PlotData, ScenarioCard

TITLE = 'Travel desks say the score "hangs now and then"'
BRIEFING = """\
Since this morning two travel desks report that the risk score sometimes takes forever.
Nothing pages yet. You are on call for the flight-risk service.
"""

SCENARIOS = (
    ScenarioCard("hangs-now-and-then", TITLE, 1, 12, None, BRIEFING),
    ScenarioCard(
        "answers-stop-at-noon", "Answers stop around noon, then come back", 1, 12, 88.0, "Around noon some calls fail."
    ),
    ScenarioCard(
        "scores-drift-upwards",
        "Every flight looks a little riskier each day",
        2,
        20,
        61.0,
        "Desks stopped trusting it.",
    ),
    ScenarioCard("a-quiet-evening", "The pager goes off on a quiet evening", 1, 10, None, "An alert came and went."),
    ScenarioCard(
        "the-bill-doubles", "Finance asks why the bill has doubled", 3, 25, None, "No user has complained so far."
    ),
)

CAUSES = (
    CauseChoice("release-slow-path", "A release made some requests slow",
                "A new version takes a slow path for part of the requests; the rest are as before.", "bad-deploy"),
    CauseChoice("release-error-path", "A release made some requests fail",
                "A new version answers part of the requests with an error.", "bad-deploy"),
    CauseChoice("memory-leak", "A process leaks memory",
                "Memory grows with every request until the process is killed and begins again.", "reliability"),
    CauseChoice("retry-storm", "Retries keep the service overloaded",
                "Clients retry faster than the service can answer, also after the trigger has gone.", "reliability"),
    CauseChoice("unit-change", "A producer changed the unit of a feature",
                "A feature arrives in another unit; its distribution moves by a constant factor.", "drift"),
    CauseChoice("concept-drift", "The world changed",
                "Inputs and outcomes relate otherwise than in training; no change was made anywhere.", "drift"),
    CauseChoice("credential-expired", "A credential expired",
                "A component may no longer read what it needs; it was valid for a limited time.", "access"),
    CauseChoice("no-fault", "Nothing is wrong",
                "The alert came from noise or a planned event; users are served as promised.", "quiet"),
)  # fmt: skip

COMPONENTS = ("feed", "gateway", "model-server", "monitor", "discovery", "prometheus")

NOTE = """\
---
incident: hangs-now-and-then
severity:
root_cause:
component:
change:
started:
detected:
mitigated:
resolved:
---

## Summary

## Timeline

## Actions
"""

DEBRIEF = """\
# What happened

Priya's release **2.4.0** of *model-server* checked inputs more strictly. For 8 % of the requests the check went over
the whole history of the flight, and these requests waited for a second and more.

| time | event |
| --- | --- |
| 14:00:10 | feed 2.3.2, harmless |
| 14:01:10 | model-server 2.4.0: the cause |
| 14:01:24 | good share falls below 97 % |

## What was a distraction

The feed's release a minute earlier only logs fewer lines.

## In real life

Modelled on public write-ups of slow paths behind a healthy median. The names and numbers here are invented.
"""


def report(bundle: str = "~/.local/share/mlops-lab/bundles/r-7f3a.json") -> Report:
    """A passed run with some points lost."""
    lines = (
        ScoreLine(
            side="operated", part="detect", points=25, of=25, why="Declared 41 s after GoodShareBurn first fired."
        ),
        ScoreLine(side="operated", part="diagnose", points=25, of=25, why="Cause, component and change are right."),
        ScoreLine(
            side="operated",
            part="mitigate",
            points=29.5,
            of=35,
            why="Held after 3m10s: 12 for holding, 17.5 of 23 for time; full until 2 minutes after the alert.",
        ),
        ScoreLine(side="operated", part="care", points=12, of=15, why="One hint (-3). No wrong change."),
        ScoreLine(side="explained", part="sections", points=8, of=8, why="All three headings have words of their own."),
        ScoreLine(side="explained", part="root_cause", points=20, of=20, why="release-slow-path, as recorded."),
        ScoreLine(side="explained", part="times", points=8, of=12, why="mitigated: 14:05:00 given, 14:04:34 recorded."),
        ScoreLine(
            side="explained", part="severity", points=0, of=3, why="SEV1 given; 7 % bad requests for 3 minutes is SEV2."
        ),
    )
    checks = (
        Check(name="good_share", kind="objective", verdict="pass", why="> 0.98 held for 20 s from 14:04:14."),
        Check(name="serving", kind="safeguard", verdict="pass", why="Never fewer ready replicas than asked for."),
        Check(name="traffic", kind="safeguard", verdict="pass", why="Offered 99 to 101 % of the plan."),
    )
    return Report(
        scenario="hangs-now-and-then",
        seed=7,
        verdict="pass",
        operated=91.5,
        explained=84,
        failed=(),
        checks=checks,
        lines=lines,
        bundle=bundle,
    )


def wobble(at: float, size: float) -> float:
    """Noise that is the same for the same time."""
    return size * (math.sin(at * 1.7) + math.sin(at * 0.61 + 1) + math.sin(at * 0.23 + 2)) / 3


def bite(at: float, onset: float, mended: float | None) -> float:
    """How much of the fault is felt at a time, 0 to 1."""
    if at < onset:
        return 0.0
    felt = min(1.0, (at - onset) / 15)
    return felt if mended is None or at < mended else max(0.0, felt - (at - mended) / 15)


def series(now: float, seconds: int, began: float, onset: float, mended: float | None) -> dict[str, PlotData]:
    """All plots of the on-call screen, one sample a second since the run began."""
    times = [float(at) for at in range(int(now) - seconds, int(now) + 1) if at >= began - 60]
    felt = {at: bite(at, onset, mended) for at in times}

    def plot(shape: object, threshold: float | None = None) -> PlotData:
        assert callable(shape)
        return PlotData(tuple((at, shape(at)) for at in times), threshold)

    return {
        "good_share": plot(lambda at: min(1.0, 0.9965 + wobble(at, 0.003) - 0.072 * felt[at]), 0.98),
        "latency_p50": plot(lambda at: 0.021 + wobble(at, 0.003)),
        "latency_p99": plot(lambda at: 0.082 + wobble(at, 0.02) + 1.1 * felt[at], 0.5),
        "offered": plot(lambda at: 40 + wobble(at, 1.5)),
        "live_brier": plot(lambda at: None if at < began + 20 else 0.142 + wobble(at, 0.004)),
        "labelled_share": plot(lambda at: min(0.93, max(0.0, (at - began) / 90)) + wobble(at, 0.01)),
    }
