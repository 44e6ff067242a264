"""Flights to replay and to train on, from the packed files beside this module; `README.md` describes the columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stack.common.features import CARRIERS, ORIGINS
from stack.data.encoding import decode

FOLDER = Path(__file__).parent
_CARRIER, _ORIGIN = 4, 5


@dataclass(frozen=True, slots=True)
class Pool:
    """
    Flights in the order of their push-back; all arrays have one entry per flight.

    A feed shuffles them itself: in time order, half a day of flights is no fair sample of the four weeks.
    """

    name: str
    features: NDArray[np.float32]
    """`[n, 12]`, in the order of `stack.common.features`; NaN is missing."""
    late: NDArray[np.bool_]
    """Whether the flight landed 15 minutes late or more."""
    pushback: NDArray[np.int64]
    """When it left the gate and was scored, in seconds since 1970."""
    lag_seconds: NDArray[np.int32]
    """From push-back to landing: how long the truth takes."""
    carriers: tuple[str, ...]
    origins: tuple[str, ...]
    month_day: NDArray[np.int16]
    """Scheduled date of departure, 1001 is 1 October."""
    ids: tuple[str, ...]
    """Unique in a pool, like `UA1545-1001-EWR-IAH`: flight, month and day of departure, from, to."""

    def __len__(self) -> int:
        return len(self.late)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Labelled flights in the order of their push-back."""

    features: NDArray[np.float32]
    """`[n, 12]`, NaN is missing."""
    late: NDArray[np.bool_]
    month: NDArray[np.int8]
    """Month of the scheduled departure, 1 to 12."""
    day: NDArray[np.int8]
    """Day of that month."""
    gain: NDArray[np.int16]
    """Arrival delay less departure delay, in minutes: known when the flight has landed, not when it is scored."""

    def __len__(self) -> int:
        return len(self.late)

    def months(self, first: int, last: int) -> TrainingSet:
        """The flights of the months `first` to `last`, both included."""
        return self.only((self.month >= first) & (self.month <= last))

    def dates(self, first: tuple[int, int], last: tuple[int, int]) -> TrainingSet:
        """The flights from one (month, day) to another, both included."""
        date = self.month.astype(np.int32) * 100 + self.day
        return self.only((date >= first[0] * 100 + first[1]) & (date <= last[0] * 100 + last[1]))

    def only(self, chosen: NDArray[np.bool_]) -> TrainingSet:
        """The flights marked in `chosen` `[n]`."""
        return TrainingSet(
            self.features[chosen], self.late[chosen], self.month[chosen], self.day[chosen], self.gain[chosen]
        )


def load_pool(name: str, folder: Path = FOLDER) -> Pool:
    """
    The pool of that name; about 5 MB in memory.

    Raises:
        ValueError: there is no such pool; the message lists those there are.
    """
    path = folder / f"{name}.npz"
    if name not in pool_names(folder):
        raise ValueError(f"no pool is named {name!r}; there are: {', '.join(pool_names(folder))}")
    with np.load(path) as stored:
        features = decode(stored["features"])
        carriers = tuple(CARRIERS[int(code)] for code in features[:, _CARRIER])
        origins = tuple(ORIGINS[int(code)] for code in features[:, _ORIGIN])
        return Pool(
            name=name,
            features=features,
            late=stored["late"].astype(np.bool_),
            pushback=stored["pushback_start"] + 60 * np.cumsum(stored["pushback_steps"], dtype=np.int64),
            lag_seconds=stored["lag_minutes"].astype(np.int32) * 60,
            carriers=carriers,
            origins=origins,
            month_day=stored["month_day"].astype(np.int16),
            ids=_ids(carriers, origins, stored["number"], stored["month_day"], stored["destinations"][stored["dest"]]),
        )


def load_training(folder: Path = FOLDER) -> TrainingSet:
    """The flights of January to May; about 10 MB in memory."""
    with np.load(folder / "train.npz") as stored:
        late = stored["late"].astype(np.bool_)
        return TrainingSet(decode(stored["features"]), late, stored["month"], stored["day"], stored["gain"])


def pool_names(folder: Path = FOLDER) -> tuple[str, ...]:
    """The names of the pools in the folder, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.npz") if path.stem != "train"))


def _ids(
    carriers: tuple[str, ...],
    origins: tuple[str, ...],
    number: NDArray[np.int16],
    month_day: NDArray[np.int16],
    destinations: NDArray[np.str_],
) -> tuple[str, ...]:
    columns = zip(carriers, number.tolist(), month_day.tolist(), origins, destinations.tolist(), strict=True)
    return tuple(f"{carrier}{num}-{day:04d}-{origin}-{dest}" for carrier, num, day, origin, dest in columns)
