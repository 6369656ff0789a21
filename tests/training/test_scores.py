"""The scores of every report, and temperature scaling."""

import numpy as np
import pytest

from training.learn.calibration import fit_temperature
from training.score.scores import score, softmax, table

LABELS = ("glad", "low", "cross")


def test_scores_follow_their_definitions() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]])
    scores = score(probabilities, [0, 1, 1, 2], LABELS)
    assert scores.accuracy == 0.75
    assert scores.per_class["glad"].precision == 0.5
    assert scores.per_class["glad"].recall == 1.0
    assert scores.per_class["low"].f1 == pytest.approx(2 / 3)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert scores.weighted_f1 == pytest.approx((2 / 3 + 2 * 2 / 3 + 1) / 4)
    assert scores.loss == pytest.approx(-np.mean(np.log([0.8, 0.3, 0.7, 0.8])))


def test_a_class_without_rows_in_the_split_is_not_an_error() -> None:
    scores = score(np.array([[0.8, 0.1, 0.1]]), [0], LABELS)
    assert scores.per_class["cross"].support == 0
    assert scores.accuracy == 1.0


def test_the_table_names_every_class() -> None:
    text = table(score(np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]), [0, 1], LABELS))
    assert all(label in text for label in LABELS)


def test_temperature_flattens_and_keeps_the_label() -> None:
    logits = np.array([[4.0, 0.0, 1.0]])
    assert softmax(logits).max() > softmax(logits, temperature=3.0).max()
    assert softmax(logits, temperature=3.0).argmax() == 0
    assert softmax(logits, temperature=3.0).sum() == pytest.approx(1.0)


def test_the_fitted_temperature_corrects_overconfident_probabilities() -> None:
    rng = np.random.default_rng(3)
    calibrated = rng.normal(size=(5_000, 3)) * 1.5
    targets = [int(rng.choice(3, p=row)) for row in softmax(calibrated)]
    assert fit_temperature((calibrated * 2).astype(np.float32), targets) == pytest.approx(2.0, abs=0.15)


def test_the_fitted_temperature_stays_in_bounds_where_every_row_is_right() -> None:
    logits = np.array([[3.0, 0.0], [0.0, 3.0]], dtype=np.float32)
    assert 0.25 <= fit_temperature(logits, [0, 1]) <= 4.0
