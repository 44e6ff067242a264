"""
Builds the monitor's baselines from the pools of flights and the registered model versions.

    python -m tools.prepare_baselines [--out stack/monitor/baselines]

Takes a few seconds and gives the same text every time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stack.common.features import NAMES
from stack.data.pool import Pool, load_pool
from stack.model_server.scorer import Scorer
from stack.monitor.baseline import FOLDER
from stack.monitor.predictions import Prediction
from stack.monitor.quality import auc
from stack.registry.versions import resolve

POOLS = ("calm", "busy")
VERSIONS = ("1", "2", "3", "4", "5")
DECILES = np.arange(0.1, 1.0, 0.1)

Values = NDArray[np.float64]


def bins_text(values: Values, *, codes: int = 0, outer: bool = True) -> str:
    """
    Bins between the deciles of some values, or one for each of `codes` codes, as a flow mapping of YAML. With `outer`,
    what no healthy value ever was has a bin at either end.
    """
    known = np.sort(values[~np.isnan(values)])
    if codes:
        edges = np.arange(codes + 1) - 0.5
    else:
        distinct = np.unique(known)
        places = np.searchsorted(distinct, np.quantile(known, DECILES, method="inverted_cdf"))
        places = np.unique(places[places + 1 < len(distinct)])
        edges = (distinct[places] + distinct[places + 1]) / 2
        if outer:
            edges = np.concatenate(([distinct[0] - 0.01], edges, [distinct[-1] + 0.01]))
    counts = np.bincount(np.searchsorted(edges, known, "left"), minlength=len(edges) + 1)
    shares = [*(counts / len(values)), 1 - len(known) / len(values)]
    listed = (", ".join(f"{number:.{digits}g}" for number in own) for own, digits in ((edges, 9), (shares, 6)))
    return "{{edges: [{}], shares: [{}]}}".format(*listed)


def scores_text(pool: Pool, version: str) -> str:
    """What a version says of the pool's flights, as a flow mapping of YAML."""
    scores = Scorer.load(resolve(version)).score(pool.features).astype(np.float64)
    area = auc(Prediction("", p, late=bool(late)) for p, late in zip(scores.tolist(), pool.late.tolist(), strict=True))
    brier, decided = float(np.mean((scores - pool.late) ** 2)), float(np.mean(scores >= 0.5))
    figures = f"decision_rate: {decided:.4f}, brier: {brier:.4f}, auc: {area:.4f}"
    return f'  "{version}": {{{figures}, bins: {bins_text(scores, outer=False)}}}'


def baseline_text(name: str) -> str:
    """The whole file of a pool."""
    pool = load_pool(name)
    codes = {"carrier_c": 16, "origin_c": 3}
    columns = pool.features.astype(np.float64).T
    lines = [
        f"# Shares of the {name} pool by bins of each feature and score; made by tools/prepare_baselines.py.",
        f"pool: {name}",
        f"flights: {len(pool)}",
        "features:",
        *(f"  {key}: {bins_text(own, codes=codes.get(key, 0))}" for key, own in zip(NAMES, columns, strict=True)),
        "scores:",
        *(scores_text(pool, version) for version in VERSIONS),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=FOLDER)
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name in POOLS:
        (folder / f"{name}.yaml").write_text(baseline_text(name), encoding="utf-8")


if __name__ == "__main__":
    main()
