"""Training is repeatable, its ONNX file answers as scikit-learn does, and its figures are those of the field."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from stack.data.pool import TrainingSet, load_pool, load_training
from stack.registry.versions import resolve
from stack.trainer.conversion import probabilities, to_onnx
from stack.trainer.evaluation import evaluate
from stack.trainer.pipeline import train
from stack.trainer.program import main, train_model


@pytest.fixture(scope="module")
def few_flights() -> TrainingSet:
    flights = load_training()
    return TrainingSet(flights.features[:4000], flights.late[:4000], flights.month[:4000])


def test_the_same_flights_give_the_same_file(few_flights: TrainingSet) -> None:
    assert train_model(few_flights) == train_model(few_flights)


def test_the_champion_can_be_trained_again() -> None:
    """Another machine's arithmetic may change the last digits, so the answers are compared and not the bytes."""
    rows = load_pool("calm").features[:5000]
    again = train_model(load_training())
    np.testing.assert_allclose(probabilities(again, rows), probabilities(resolve("2").content(), rows), atol=1e-3)


def test_onnx_answers_like_the_pipeline(few_flights: TrainingSet) -> None:
    rows = load_pool("calm").features[:3000]
    assert bool(np.isnan(rows).any())
    pipeline = train(few_flights)
    content = to_onnx(pipeline, "check", few_flights.features)
    np.testing.assert_allclose(probabilities(content, rows), pipeline.predict_proba(rows)[:, 1], atol=1e-5)


def test_one_outcome_cannot_train_a_model(few_flights: TrainingSet) -> None:
    punctual = TrainingSet(few_flights.features, np.zeros_like(few_flights.late), few_flights.month)
    with pytest.raises(ValueError, match="4000 flights with one outcome"):
        train(punctual)


def test_metrics_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(3)
    late = generator.random(500) < 0.3
    probability = np.round(generator.random(500) * 0.5 + late * 0.3, 1).astype(np.float32)
    found = evaluate(probability, late)
    assert found.auc == pytest.approx(roc_auc_score(late, probability), abs=1e-4)
    assert found.brier == pytest.approx(brier_score_loss(late, np.clip(probability, 0, 1)), abs=1e-4)
    assert found.flights == 500


def test_the_champion_is_as_good_as_it_should_be() -> None:
    pool = load_pool("calm")
    found = evaluate(probabilities(resolve("champion").content(), pool.features), pool.late)
    assert found.auc == pytest.approx(0.920, abs=0.002)
    assert found.brier == pytest.approx(0.0626, abs=0.0005)
    assert found.positive_rate == pytest.approx(0.129, abs=0.002)


def test_the_program_writes_model_and_card(tmp_path: Path) -> None:
    told: list[str] = []
    assert main(["--out", str(tmp_path), "--months", "2"], told.append) == 0
    card = json.loads((tmp_path / "flight-risk.json").read_text(encoding="utf-8"))
    assert card == json.loads(told[0])
    assert (card["trained_on"], card["flights"]) == ("2013-02 to 2013-02", 23_611)
    assert (tmp_path / "flight-risk.onnx").stat().st_size < 10_000


@pytest.mark.parametrize("months", ["0-2", "3-1", "1-6", "may"])
def test_months_outside_of_the_file_are_refused(
    tmp_path: Path, months: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path), "--months", months], lambda _: None)
    assert "write them like 1-5, within 1 to 5" in capsys.readouterr().err
