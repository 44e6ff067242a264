"""What the study of the monitor plays: faults of the feed and of the model, and changes that are no fault."""

from __future__ import annotations

from dataclasses import dataclass

from stack.common.transforms import Transform, Where
from stack.feed.plan import Mix

LOGISTIC, BOOSTED = "2", "3"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that happens to a healthy stack."""

    name: str
    steps: tuple[Transform, ...] = ()
    """What the feed does to features."""
    versions: tuple[str, ...] = ()
    """Model versions that answer in turn from then on; none are those of before."""
    inverted: int = 0
    """Of so many replicas one answers with the probability of the other class."""
    ignoring: int = 0
    """Of so many replicas one takes `dep_delay` for 0."""
    mix: Mix | None = None
    insert: tuple[str, ...] = ()


def _one(name: str, feature: str, **keys: object) -> Case:
    return Case(name, (Transform(feature, **keys),))  # type: ignore[arg-type]


def _all(name: str, features: tuple[str, ...], **keys: object) -> Case:
    return Case(name, tuple(Transform(feature, **keys) for feature in features))  # type: ignore[arg-type]


AGGREGATES, WEATHER = ("o_delay", "r_gain", "o_gain"), ("temp", "wind_speed", "visib")
_BY_FREQUENCY = (8, 4, 13, 1, 2, 0, 14, 10, 15, 6, 12, 3, 5, 9, 7, 11)

FAULTS = (
    _one("`distance` mi → km", "distance", scale=1.609344),
    _one("`block` min → h", "block", scale=1 / 60),
    _one("`dep_delay` min → s", "dep_delay", scale=60),
    _one("`dep_delay` min → s, 10 %", "dep_delay", scale=60, share=0.1),
    _one("`temp` F → C", "temp", scale=5 / 9, add=-160 / 9),
    _one("`wind_speed` mph → m/s", "wind_speed", scale=0.44704),
    _one("`visib` mi → km", "visib", scale=1.609344),
    _one("`visib` mi → m", "visib", scale=1609.344),
    _one("`r_gain` min → s", "r_gain", scale=60),
    _one("`dep_delay` missing, 30 %", "dep_delay", null_share=0.3),
    _one("`dep_delay` missing, 100 %", "dep_delay", null_share=1),
    _one("`dep_delay` filled with 0, 10 %", "dep_delay", fill=0, share=0.1),
    _one("`dep_delay` filled with 0, 30 %", "dep_delay", fill=0, share=0.3),
    _one("`dep_delay` filled with 0, 100 %", "dep_delay", fill=0),
    _one("`r_gain` missing, 100 %", "r_gain", null_share=1),
    _all("weather missing, 100 %", WEATHER, null_share=1),
    _one("`distance` missing, 100 %", "distance", null_share=1),
    _all("feature store down: filled with 0", AGGREGATES, fill=0),
    _all("feature store down: missing", AGGREGATES, null_share=1),
    _one("`sched_hour` + 1 h", "sched_hour", add=1, wrap=24),
    _one("`sched_hour` in UTC", "sched_hour", add=4, wrap=24),
    _one("`dep_delay` + 60 min", "dep_delay", add=60),
    _one("`dep_delay` + 60 min, EWR", "dep_delay", add=60, where=Where(origin="EWR")),
    _one("`dep_delay` + 60 min, 10 %", "dep_delay", add=60, share=0.1),
    _one("`dep_delay` + 240 min", "dep_delay", add=240),
    _one("`dep_delay` + 5 min", "dep_delay", add=5),
    _all("weather 24 h old", WEATHER, stale_hours=24),
    _one("`r_gain` 3 days old", "r_gain", stale_hours=72),
    _one("`carrier_c` by frequency", "carrier_c", codes=_BY_FREQUENCY),
    _one("`origin_c` rotated", "origin_c", codes=(1, 2, 0)),
    _one("`block` and `distance` swapped", "block", swap="distance"),
    _one("`o_delay` and `dep_delay` swapped", "o_delay", swap="dep_delay"),
    _one("`dep_delay` without its sign", "dep_delay", absolute=True),
    _one("`r_gain` with the other sign", "r_gain", scale=-1),
    _all("`r_gain`, `o_gain` with the other sign", ("r_gain", "o_gain"), scale=-1),
    Case("model of eight days (version 4)", versions=("4",)),
    Case("model of another `r_gain` (version 5)", versions=("5",)),
    Case("one of 3 replicas answers the other class", inverted=3),
    Case("one of 3 replicas takes `dep_delay` for 0", ignoring=3),
)

NO_FAULTS = (
    Case("weekend flights only", mix=Mix(days="weekend")),
    Case("twice as many short flights", mix=Mix(most_miles=700, others=0.5)),
    Case("flights before noon only", mix=Mix(hours=(0, 12))),
    Case("flights after 17 h only", mix=Mix(hours=(17, 24))),
    Case("LGA only", mix=Mix(origin="LGA")),
    Case("storm of 8 March", insert=("0308",)),
    Case("storm of 22 and 23 July", insert=("0722", "0723")),
    Case("storm of 17 December", insert=("1217",)),
    Case("the challenger answers (version 3)", versions=("3",)),
)
