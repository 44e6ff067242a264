"""The twelve features of a flight, in the order of the model's input."""

from __future__ import annotations

from dataclasses import dataclass

CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
"""Airline codes; a flight's `carrier_c` is the index here."""

ORIGINS = ("EWR", "JFK", "LGA")
"""Airports of departure; a flight's `origin_c` is the index here."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the model; a missing value is NaN (`null` in JSON)."""

    name: str
    unit: str
    low: float
    """The least value that can be right."""
    high: float
    """The greatest value that can be right."""
    meaning: str


FEATURES = (
    Feature("dep_delay", "min", -120, 1800, "actual minus scheduled departure; negative is early"),
    Feature("sched_hour", "h", 0, 24, "scheduled departure in local time, 14.5 is 14:30"),
    Feature("block", "min", 15, 900, "scheduled time from gate to gate"),
    Feature("distance", "mi", 10, 5200, "great circle from origin to destination"),
    Feature("carrier_c", "code", 0, len(CARRIERS) - 1, "airline, index in CARRIERS"),
    Feature("origin_c", "code", 0, len(ORIGINS) - 1, "airport of departure, index in ORIGINS"),
    Feature("o_delay", "min", -120, 1800, "mean departure delay at this origin over the last 60 minutes"),
    Feature(
        "r_gain",
        "min",
        -300,
        300,
        "mean (arrival delay - departure delay) of flights landed at this destination, last 24 h",
    ),
    Feature("o_gain", "min", -300, 300, "the same over all flights of this origin that landed in the last 3 h"),
    Feature("temp", "F", -40, 130, "temperature at the origin in the current hour"),
    Feature("wind_speed", "mph", 0, 120, "wind speed at the origin in the current hour"),
    Feature("visib", "mi", 0, 10, "visibility at the origin in the current hour"),
)

NAMES = tuple(feature.name for feature in FEATURES)
COUNT = len(FEATURES)
