"""`python -m stack.trainer`: train every planned version and write the registry's first content, or fit one model."""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from stack.data.pool import TrainingSet, load_pool, load_training
from stack.registry.layout import STORE
from stack.trainer.conversion import probabilities, to_onnx
from stack.trainer.evaluation import evaluate
from stack.trainer.pipeline import train
from stack.trainer.plan import MODEL, PLAN
from stack.trainer.training import train_version

EVALUATED_ON = "calm"

Say = Callable[[str], None]


def main(argv: Sequence[str], say: Say) -> int:
    """Without a verb, or with `store`, make the store again; `fit` trains one logistic regression into a folder."""
    parser = argparse.ArgumentParser(prog="python -m stack.trainer", description="Train the flight-risk model.")
    verbs = parser.add_subparsers(dest="verb")
    store = verbs.add_parser("store", help="train every version and write the registry's first content (the default)")
    store.add_argument("--out", type=Path, default=STORE, help="folder of the store (default: %(default)s)")
    store.add_argument("--commit", default="", help="commit to state as origin (default: this checkout's)")
    one = verbs.add_parser("fit", help="train one model and write it with its card")
    one.add_argument("--out", type=Path, required=True, help="folder for the model and its card")
    one.add_argument("--months", type=_months, default=(1, 5), help="months of 2013 to train on (default: 1-5)")
    arguments = parser.parse_args(argv or ["store"])
    if arguments.verb == "fit":
        return _fit(arguments.out, arguments.months, say)
    return _store(arguments.out, arguments.commit or _commit(), say)


def _store(folder: Path, commit: str, say: Say) -> int:
    from stack.trainer.store import write_store  # takes MLflow, which training alone does not need

    flights = load_training()
    trained = []
    for planned in PLAN:
        version = train_version(planned, flights)
        trained.append(version)
        say(f"{MODEL} {planned.version} {version.sha256[:12]} {planned.recipe} {json.dumps(asdict(version.metrics))}")
    write_store(folder, trained, commit)
    say(f"written to {folder}")
    return 0


def _fit(folder: Path, months: tuple[int, int], say: Say) -> int:
    """Write `flight-risk.onnx` and `flight-risk.json` (sha256, metrics on the October flights)."""
    flights = load_training().months(*months)
    content = train_model(flights)
    pool = load_pool(EVALUATED_ON)
    metrics = evaluate(probabilities(content, pool.features), pool.late)
    card = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "trained_on": "2013-{:02d} to 2013-{:02d}".format(*months),
        "flights": len(flights),
        "evaluated_on": EVALUATED_ON,
        "metrics": asdict(metrics),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{MODEL}.onnx").write_bytes(content)
    text = json.dumps(card, indent=2)
    (folder / f"{MODEL}.json").write_text(text + "\n", encoding="utf-8")
    say(text)
    return 0


def train_model(flights: TrainingSet) -> bytes:
    """The ONNX model trained on the flights, verified against scikit-learn on up to 20,000 of them."""
    return to_onnx(train(flights), MODEL, flights.features[:20_000])


def _commit() -> str:
    """The commit of this checkout, `unknown` outside of one."""
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _months(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first) <= 5:
        return int(first), int(last or first)
    raise argparse.ArgumentTypeError(f"{text!r} are not months to train on; write them like 1-5, within 1 to 5")
