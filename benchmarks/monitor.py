"""
How soon the monitor sees what goes wrong, and how often it cries wolf; writes the tables of `docs/monitor.md`.

    OMP_NUM_THREADS=1 python -m benchmarks.monitor [--runs 3] [--clean 10] [--write]

The monitor's own code takes real flights, scored by the registered versions, outcomes with their real delay, and is
looked at after every 40 flights, as Prometheus does once a second at 40 requests a second. Nothing waits.
"""

from __future__ import annotations

import argparse
import heapq
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.monitor_cases import BOOSTED, FAULTS, LOGISTIC, NO_FAULTS, Case
from stack.common.features import NAMES
from stack.data.pool import load_pool
from stack.feed.plan import Plan
from stack.feed.replay import Flight, Source
from stack.feed.truth import MEDIAN_DELAY_REQUESTS
from stack.gate.contract import contract_at
from stack.gate.rows import pack
from stack.model_server.scorer import Scorer
from stack.monitor.baseline import load_baseline
from stack.monitor.source import PredictionRow
from stack.monitor.watch import Watch
from stack.registry.versions import resolve

ROOT = Path(__file__).parents[1]
CONTRACT = contract_at(ROOT / "stack" / "platform" / "contracts" / "flight-features.yaml")
PAGE = ROOT / "docs" / "monitor.md"
MARK = "<!-- measured: {} -->"
LOOK, WARM, AFTER, CLEAN = 40, 2960, 4000, 24_000
"""Flights between two looks, before something happens, after it, and of a clean run."""

PSI, PSI_LONG, SCORE_PSI, DECISIONS, NULLS, WRONG, GAP, BRIER = 0.10, 0.03, 0.08, 0.06, 0.05, 0.01, 0.05, 0.03
"""The thresholds of `stack/platform/rules/monitor.yaml`."""
ALERTS = (
    "FeatureDrift", "FeatureNulls", "FeatureRange",
    "PredictionDrift", "DecisionRateShift", "CalibrationGap", "BrierRise",
)  # fmt: skip

TABLES = ("clean", "faults", "no faults")

Seen = dict[str, int]
"""Flights until each alert, for those that fired."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Flights in their order, with what was said of each."""

    flights: Sequence[Flight]
    probabilities: NDArray[np.float32]


def firing(watch: Watch) -> Iterator[str]:
    """The alerts that fire now; the same conditions as in the rules."""
    newest, before, long = (watch.windows[name] for name in ("newest", "before", "long"))
    psi, earlier, weak = newest.feature_psi(), before.feature_psi(), long.feature_psi()
    if any((psi[name] > PSI and earlier[name] > PSI) or weak[name] > PSI_LONG for name in NAMES):
        yield "FeatureDrift"
    bins = watch.baseline.features
    if any(share > bins[name].null_share + NULLS for name, share in newest.null_shares().items()):
        yield "FeatureNulls"
    if any(share > WRONG for share in newest.wrong_shares().values()):
        yield "FeatureRange"
    if newest.prediction_psi() > SCORE_PSI and before.prediction_psi() > SCORE_PSI:
        yield "PredictionDrift"
    if all(abs(rate - watch.scores.decision_rate) > DECISIONS for rate in watch.decisions().values()):
        yield "DecisionRateShift"
    settled = watch.settled().values()
    gaps = [one.calibration_gap for one in settled]
    if all(gap > GAP for gap in gaps) or all(gap < -GAP for gap in gaps):
        yield "CalibrationGap"
    if all(one.brier > watch.scores.brier + BRIER for one in settled):
        yield "BrierRise"


def watched(scored: Scored, pool: str, version: str, begin: int) -> Seen:
    """Let a monitor take the flights; how many after `begin` each alert fired for the first time."""
    baseline = load_baseline(pool)
    watch = Watch(baseline, baseline.of(version), CONTRACT)
    truths: list[tuple[float, int]] = []
    seen: Seen = {}
    for number, (flight, p) in enumerate(zip(scored.flights, scored.probabilities.tolist(), strict=True)):
        watch.predicted(PredictionRow(number, flight.id, p, features=pack([*flight.features])))
        heapq.heappush(truths, (number + flight.lag * MEDIAN_DELAY_REQUESTS, number))
        while truths[0][0] <= number:
            known = scored.flights[heapq.heappop(truths)[1]]
            watch.known(known.id, known.late)
            if not truths:
                break
        after = number + 1 - begin
        if after >= 0 and after % LOOK == 0:
            for name in firing(watch):
                seen.setdefault(name, after)
    return seen


def flights_of(case: Case, pool: str, seed: int) -> tuple[list[Flight], list[Flight]]:
    """Healthy flights, and those that come when it happens; after an inserted day healthy ones come again."""
    healthy, changed = Source(seed, (), load_pool), Source(seed + 1000, case.steps, load_pool)
    healthy.prepare(Plan(pool=pool))()
    changed.prepare(Plan(pool=pool, mix=case.mix, insert=case.insert))()
    return list(islice(healthy, WARM)), list(islice(changed, AFTER))


def matrix(flights: Sequence[Flight]) -> NDArray[np.float32]:
    """Their features `[n, 12]`, NaN for missing."""
    return np.array([flight.features for flight in flights], dtype=np.float32)


def scores_after(
    case: Case, flights: Sequence[Flight], version: str, scorers: dict[str, Scorer]
) -> NDArray[np.float32]:
    """What is said of the flights once it has happened; replicas take turns."""
    rows = matrix(flights)
    scores = scorers[case.versions[0] if case.versions else version].score(rows)
    if case.inverted:
        scores[:: case.inverted] = 1 - scores[:: case.inverted]
    if case.ignoring:
        rows[:: case.ignoring, NAMES.index("dep_delay")] = 0
        scores[:: case.ignoring] = scorers[version].score(rows[:: case.ignoring])
    return scores


def play(case: Case, version: str, runs: int, scorers: dict[str, Scorer]) -> list[Seen]:
    """What each run saw."""
    found = []
    for seed in range(1, runs + 1):
        before, after = flights_of(case, "calm", seed)
        scores = np.concatenate((scorers[version].score(matrix(before)), scores_after(case, after, version, scorers)))
        found.append(watched(Scored([*before, *after], scores), "calm", version, len(before)))
    return found


def told(found: Sequence[Seen], alert: str) -> str:
    """The median of flights until an alert, and in how many runs where not in all."""
    times = [seen[alert] for seen in found if alert in seen]
    if not times:
        return ""
    share = "" if len(times) == len(found) else f" ({len(times)} of {len(found)})"
    return f"{statistics.median_low(times)}{share}"


def table(cases: Sequence[Case], runs: int, scorers: dict[str, Scorer]) -> str:
    """One row for each case, with both models where they differ."""
    lines = [f"| what happens | model | {' | '.join(ALERTS)} |", f"| --- | --- |{' --- |' * len(ALERTS)}"]
    for case in cases:
        for version in (LOGISTIC,) if case.versions else (LOGISTIC, BOOSTED):
            found = play(case, version, runs, scorers)
            row = " | ".join(told(found, alert) for alert in ALERTS)
            lines.append(f"| {case.name} | {version} | {row} |")
            print(lines[-1], flush=True)
    return "\n".join(lines)


def clean_table(runs: int, scorers: dict[str, Scorer]) -> str:
    """In how many clean runs each alert fired at all."""
    lines = [f"| pool | model | runs | {' | '.join(ALERTS)} |", f"| --- | --- | --- |{' --- |' * len(ALERTS)}"]
    for pool in ("calm", "busy"):
        for version in (LOGISTIC, BOOSTED):
            found = [_clean(pool, version, seed, scorers) for seed in range(1, runs + 1)]
            row = " | ".join(str(sum(alert in seen for seen in found)) for alert in ALERTS)
            lines.append(f"| {pool} | {version} | {runs} | {row} |")
            print(lines[-1], flush=True)
    return "\n".join(lines)


def _clean(pool: str, version: str, seed: int, scorers: dict[str, Scorer]) -> Seen:
    source = Source(seed, (), load_pool)
    source.prepare(Plan(pool=pool))()
    flights = list(islice(source, CLEAN))
    return watched(Scored(flights, scorers[version].score(matrix(flights))), pool, version, 0)


def write(tables: dict[str, str]) -> None:
    """Put the tables into the page, each between its two marks."""
    text = PAGE.read_text(encoding="utf-8")
    for name, content in tables.items():
        mark = MARK.format(name)
        before, _, after = text.split(mark)
        text = f"{before}{mark}\n{content}\n{mark}{after}"
    PAGE.write_text(text, encoding="utf-8")


def main() -> None:
    """Measure, print and, if asked, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3, help="runs of each case (default: %(default)s)")
    parser.add_argument("--clean", type=int, default=10, help="clean runs of each pool and model")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/monitor.md")
    parser.add_argument("--only", choices=TABLES, nargs="+", default=TABLES, help="which tables (default: all)")
    arguments = parser.parse_args()
    scorers = {version: Scorer.load(resolve(version)) for version in ("2", "3", "4", "5")}
    made = {
        "clean": lambda: clean_table(arguments.clean, scorers),
        "faults": lambda: table(FAULTS, arguments.runs, scorers),
        "no faults": lambda: table(NO_FAULTS, arguments.runs, scorers),
    }
    tables = {name: made[name]() for name in arguments.only}
    if arguments.write:
        write(tables)


if __name__ == "__main__":
    main()
