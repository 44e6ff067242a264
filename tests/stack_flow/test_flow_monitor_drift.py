"""What the monitor makes of features, scores and outcomes; its windows, slices, baselines and memory."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from stack_flow_rig import ROOT

from benchmarks import monitor as study
from stack.common.errors import StartError
from stack.common.features import NAMES
from stack.common.transforms import Transform, Where
from stack.data.pool import load_pool
from stack.feed.replay import Flight, replay
from stack.gate.contract import contract_at
from stack.gate.rows import pack
from stack.monitor.app import MonitorApp
from stack.monitor.baseline import FLOOR, Bins, load_baseline
from stack.monitor.metrics import MonitorMetrics
from stack.monitor.predictions import SETTLE, WINDOW, Prediction
from stack.monitor.quality import auc
from stack.monitor.slices import MOST_VALUES, OTHER, slices_of
from stack.monitor.source import PredictionRow
from stack.monitor.watch import Watch
from stack.wire.server import Request

CONTRACT = contract_at(ROOT / "stack" / "platform" / "contracts" / "flight-features.yaml")


def fresh() -> Watch:
    baseline = load_baseline("calm")
    return Watch(baseline, baseline.of("2"), CONTRACT)


def flights(count: int, *steps: Transform, seed: int = 1) -> list[Flight]:
    return list(itertools.islice(replay(load_pool("calm"), seed, steps), count))


def feed(watch: Watch, own: Sequence[Flight], probability: float = 0.2) -> None:
    for number, flight in enumerate(own):
        row = PredictionRow(number, flight.id, probability, "2", f"model-{number % 2}", pack([*flight.features]))
        watch.predicted(row)


def psi_by_hand(values: Sequence[float], bins: Bins) -> float:
    """The index as numpy has it, from the bins' edges."""
    own = np.array(values)
    counts, _ = np.histogram(own[~np.isnan(own)], [-np.inf, *np.nextafter(bins.edges, np.inf), np.inf])
    shares = np.maximum([*counts / len(own), np.mean(np.isnan(own))], FLOOR)
    wanted = np.maximum(bins.shares, FLOOR)
    return float(np.sum((shares - wanted) * np.log(shares / wanted)))


def test_the_index_of_each_window_is_that_of_its_flights() -> None:
    watch, own = fresh(), flights(2600, Transform("distance", scale=1.2, share=0.5), Transform("temp", null_share=0.2))
    feed(watch, own)
    for name, count, before in (("newest", 500, 0), ("before", 500, 500), ("long", 2000, 0)):
        found = watch.windows[name].feature_psi()
        part = own[len(own) - before - count : len(own) - before]
        for place, feature in enumerate(NAMES):
            values = [np.nan if flight.features[place] is None else flight.features[place] for flight in part]
            packed = np.array(values, dtype=np.float32).astype(np.float64)
            wanted = psi_by_hand(packed.tolist(), watch.baseline.features[feature])
            assert found[feature] == pytest.approx(wanted, abs=1e-9), (name, feature)


def test_healthy_flights_are_near_and_a_changed_feature_alone_is_far() -> None:
    watch = fresh()
    feed(watch, flights(1000))
    assert max(watch.windows["newest"].feature_psi().values()) < 0.1
    feed(watch, flights(1000, Transform("distance", scale=1.609344)))
    for name in ("newest", "before"):
        far = {feature for feature, psi in watch.windows[name].feature_psi().items() if psi > 0.1}
        assert far == {"distance"}


def test_windows_that_are_not_full_have_no_figures() -> None:
    watch = fresh()
    feed(watch, flights(WINDOW - 1))
    newest = watch.windows["newest"]
    shares = (newest.null_shares(), newest.wrong_shares(), newest.feature_psi())
    assert all(math.isnan(value) for own in shares for value in own.values())
    assert math.isnan(newest.prediction_psi())
    feed(watch, flights(1))
    assert not math.isnan(newest.prediction_psi())
    assert math.isnan(watch.windows["before"].prediction_psi())
    assert math.isnan(watch.decisions()["before"])


def test_missing_and_impossible_values_are_told_apart() -> None:
    watch = fresh()
    steps = Transform("dep_delay", null_share=0.3), Transform("visib", scale=1609.344, share=0.5)
    feed(watch, flights(WINDOW, *steps))
    newest = watch.windows["newest"]
    assert newest.null_shares()["dep_delay"] == pytest.approx(0.3, abs=0.01)
    assert newest.wrong_shares()["visib"] == pytest.approx(0.5, abs=0.03)
    assert newest.wrong_shares()["dep_delay"] == 0


def test_outcomes_count_once_enough_flights_have_followed() -> None:
    watch, own = fresh(), flights(2 * WINDOW + SETTLE)
    feed(watch, own[: WINDOW + SETTLE - 1])
    assert math.isnan(watch.settled()["newest"].brier)
    feed(watch, own[WINDOW + SETTLE - 1 :])
    for flight in own:
        watch.known(flight.id, flight.late)
    for name, part in (("newest", own[WINDOW : 2 * WINDOW]), ("before", own[:WINDOW])):
        base = sum(flight.late for flight in part) / WINDOW
        settled = watch.settled()[name]
        assert settled.calibration_gap == pytest.approx(0.2 - base)
        assert settled.labelled_share == 1


def test_slices_show_the_airport_that_is_off() -> None:
    watch = fresh()
    own = flights(WINDOW, Transform("dep_delay", add=60, where=Where(origin="EWR")))
    for number, flight in enumerate(own):
        late = 0.9 if (flight.features[0] or 0) > 45 else 0.1
        watch.predicted(PredictionRow(number, flight.id, late, "2", "model-0", pack([*flight.features])))
    found = {(one.kind, one.value): one.quality for one in watch.report().slices}
    assert found["origin", "EWR"].decision_rate == 1
    assert found["origin", "LGA"].decision_rate < 0.3
    assert found["version", "2"].predictions == found["replica", "model-0"].predictions == WINDOW
    assert sum(one.predictions for (kind, _), one in found.items() if kind == "carrier") == WINDOW


def test_slices_are_bounded() -> None:
    many = [Prediction(str(number), 0.5, replica=f"pod-{number % 40}") for number in range(400)]
    values = {one.value for one in slices_of(many) if one.kind == "replica"}
    assert len(values) == MOST_VALUES + 1
    assert OTHER in values


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    def known(*pairs: tuple[float, bool]) -> Iterator[Prediction]:
        return (Prediction("", p, late=late) for p, late in pairs)

    assert auc(known((0.9, True), (0.1, False))) == 1
    assert auc(known((0.5, True), (0.5, False))) == 0.5
    assert auc(known((0.8, True), (0.3, True), (0.5, False), (0.3, False))) == pytest.approx((2 + 0.5) / 4)
    assert math.isnan(auc(known((0.5, True))))


def test_what_is_not_as_expected_in_a_row_of_the_log_is_left_out() -> None:
    watch = fresh()
    watch.predicted(PredictionRow(1, "a", 0.5, features=b"short"))
    watch.predicted(PredictionRow(2, "b", 0.5))
    watch.predicted(PredictionRow(3, "c", 0.5, features=pack([math.inf] * 12)))
    watch.known("b", True)
    assert watch.report().live.predictions == 3
    assert {one.value for one in watch.report().slices if one.kind == "origin"} == {OTHER}


async def test_figures_are_exported_as_they_are_when_asked() -> None:
    watch = fresh()
    metrics = MonitorMetrics("1.0.0", watch)
    app, request = MonitorApp(metrics), Request("GET", "/metrics", {}, b"", 0.0)
    assert b"model_live_brier NaN" in (await app.handle(request)).body
    feed(watch, flights(WINDOW), probability=0.5)
    watch.known(flights(1)[0].id, True)
    body = (await app.handle(request)).body
    assert b"model_live_brier 0.25" in body
    assert b'decision_rate{window="newest"} 1.0' in body
    assert b'slice_predictions{slice="replica",value="model-1"} 250.0' in body
    assert b'feature_baseline_null_share{feature="temp"} 0.00678926' in body
    assert (await app.handle(Request("GET", "/healthz", {}, b"", 0.0))).status == 503


def test_a_baseline_that_is_not_there_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="there is no 'calmer'; there are: busy, calm"):
        load_baseline("calmer")
    with pytest.raises(StartError, match="no version '9' was measured; there are: 1, 2, 3, 4, 5"):
        load_baseline("calm").of("9")


@pytest.mark.parametrize("name", ["calm", "busy"])
def test_baselines_are_those_of_the_pools(name: str) -> None:
    baseline, pool = load_baseline(name), load_pool(name)
    assert baseline.flights == len(pool)
    for place, (feature, bins) in enumerate(baseline.features.items()):
        assert psi_by_hand(pool.features[:, place].astype(np.float64).tolist(), bins) < 1e-6, feature
        assert sum(bins.shares) == pytest.approx(1, abs=1e-4)
        assert len(bins.shares) == len(bins.edges) + 2


def test_the_study_uses_the_thresholds_of_the_rules() -> None:
    groups = yaml.safe_load((ROOT / "stack" / "platform" / "rules" / "monitor.yaml").read_text())["groups"]
    rules = {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
    assert tuple(rules) == study.ALERTS
    for alert, limits in {
        "FeatureDrift": (study.PSI, study.PSI_LONG), "FeatureNulls": (study.NULLS,), "FeatureRange": (study.WRONG,),
        "PredictionDrift": (study.SCORE_PSI,), "DecisionRateShift": (study.DECISIONS,), "CalibrationGap": (study.GAP,),
        "BrierRise": (study.BRIER,),
    }.items():  # fmt: skip
        written = {float(word) for word in rules[alert].replace(")", " ").split() if word.startswith("0.")}
        assert written == set(limits), alert


def test_the_monitor_is_light() -> None:
    asking = "import sys, stack.monitor.__main__; sys.exit(int('numpy' in sys.modules or 'onnxruntime' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", asking], cwd=ROOT, check=False).returncode == 0
