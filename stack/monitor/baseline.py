"""What healthy traffic looks like: shares of a pool's flights by bins of each feature and of the score."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import msgspec
import yaml

from stack.common.errors import StartError
from stack.common.features import NAMES

FOLDER = Path(__file__).parent / "baselines"

FLOOR = 1e-3
"""The least share that a bin counts with, so that an empty one costs something and not everything."""


class Bins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bins of one value, and the share of healthy flights in each."""

    edges: tuple[float, ...]
    """Upper bounds of all bins but the last, ascending; a bound belongs to the bin below it."""
    shares: tuple[float, ...]
    """One share a bin, and at the end that of missing values."""

    def code(self, value: float) -> int:
        """The bin of a value; NaN is missing."""
        return len(self.shares) - 1 if value != value else bisect_left(self.edges, value)

    @property
    def null_share(self) -> float:
        """Share of missing values, 0 to 1."""
        return self.shares[-1]

    def psi(self, counts: Sequence[int]) -> float:
        """
        Population stability index of counts by bin: the sum of `(a - e) ln(a / e)` over actual and expected shares,
        none below `FLOOR`; NaN without counts. It is the symmetrised Kullback-Leibler divergence (Jeffreys 1946).
        """
        total = sum(counts)
        if not total:
            return math.nan
        index = 0.0
        for count, share in zip(counts, self.shares, strict=True):
            actual, expected = max(count / total, FLOOR), max(share, FLOOR)
            index += (actual - expected) * math.log(actual / expected)
        return index


class Scores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model version says of the healthy flights, and how well."""

    bins: Bins
    decision_rate: float
    """Share with a probability of one half and more."""
    brier: float
    auc: float


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pool."""

    pool: str
    flights: int
    features: dict[str, Bins]
    scores: dict[str, Scores]
    """By model version."""

    def of(self, version: str) -> Scores:
        """
        The scores of a version.

        Raises:
            StartError: it is not among those that were measured; the message lists them.
        """
        if version not in self.scores:
            raise StartError(
                f"BASELINE_VERSION: no version {version!r} was measured; there are: {_listed(self.scores)}"
            )
        return self.scores[version]


def load_baseline(name: str, folder: Path = FOLDER) -> Baseline:
    """
    The baseline of a pool.

    Raises:
        StartError: there is none of that name; the message lists those there are.
    """
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in names:
        raise StartError(f"BASELINE: there is no {name!r}; there are: {_listed(names)}")
    document = yaml.load((folder / f"{name}.yaml").read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506
    baseline = msgspec.convert(document, Baseline)
    if tuple(baseline.features) != NAMES:
        raise StartError(f"{folder / name}.yaml: its features are not {', '.join(NAMES)}")
    return baseline


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _listed(names: Sequence[str] | dict[str, Scores]) -> str:
    return ", ".join(names) or "none"
