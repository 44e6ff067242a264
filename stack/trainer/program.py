"""`python -m stack.trainer`: train, convert, verify, write."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from stack.data.pool import TrainingSet, load_pool, load_training
from stack.trainer.conversion import probabilities, to_onnx
from stack.trainer.evaluation import evaluate
from stack.trainer.pipeline import train

MODEL = "flight-risk"
EVALUATED_ON = "calm"


def main(argv: Sequence[str], say: Callable[[str], None]) -> int:
    """Train on the chosen months and write `flight-risk.onnx` and `flight-risk.json` (sha256, metrics) to a folder."""
    parser = argparse.ArgumentParser(prog="python -m stack.trainer", description="Train the flight-risk model.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model and its card")
    parser.add_argument("--months", type=_months, default=(1, 5), help="months of 2013 to train on (default: 1-5)")
    arguments = parser.parse_args(argv)
    flights = load_training().months(*arguments.months)
    content = train_model(flights)
    pool = load_pool(EVALUATED_ON)
    metrics = evaluate(probabilities(content, pool.features), pool.late)
    card = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "trained_on": "2013-{:02d} to 2013-{:02d}".format(*arguments.months),
        "flights": len(flights),
        "evaluated_on": EVALUATED_ON,
        "metrics": asdict(metrics),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"{MODEL}.onnx").write_bytes(content)
    text = json.dumps(card, indent=2)
    (arguments.out / f"{MODEL}.json").write_text(text + "\n", encoding="utf-8")
    say(text)
    return 0


def train_model(flights: TrainingSet) -> bytes:
    """The ONNX model trained on the flights, verified against scikit-learn on up to 20,000 of them."""
    return to_onnx(train(flights), MODEL, flights.features[:20_000])


def _months(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first) <= 5:
        return int(first), int(last or first)
    raise argparse.ArgumentTypeError(f"{text!r} are not months to train on; write them like 1-5, within 1 to 5")
