"""The expected calibration error and the bins of confidence."""

import numpy as np
import pytest

from training.score.calibration import BINS, bin_numbers, calibration_error, chance_error, reliability
from training.score.scores import score, softmax


def test_the_error_is_the_mean_gap_weighted_by_rows() -> None:
    confidences = np.array([0.95, 0.97, 0.99, 0.55])
    right = np.array([True, True, False, False])
    found = reliability(confidences, right)
    assert found.error == pytest.approx(3 / 4 * abs(2 / 3 - 0.97) + 1 / 4 * 0.55)
    assert found.mean_confidence == pytest.approx(confidences.mean())


def test_a_bin_holds_its_upper_edge_and_not_its_lower_one() -> None:
    edges = np.arange(1, BINS + 1) / BINS
    assert bin_numbers(edges).tolist() == list(range(BINS))
    assert bin_numbers(np.array([0.0, 0.2 + 1e-9])).tolist() == [0, 3]


def test_the_error_of_constant_confidence_1_is_the_share_of_wrong_rows() -> None:
    probabilities = np.eye(2)[[0, 0, 1, 1]]
    assert calibration_error(probabilities, [0, 1, 1, 1]) == pytest.approx(0.25)


def test_calibrated_probabilities_have_a_small_error_and_overconfident_ones_a_large_error() -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(20_000, 4)) * 1.5
    targets = (softmax(logits).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1).tolist()
    assert calibration_error(softmax(logits), targets) < 0.015
    assert calibration_error(softmax(logits * 3), targets) > 0.1


def test_only_bins_with_rows_are_listed() -> None:
    (lowest, highest) = reliability(np.array([0.3, 1.0, 0.98]), np.array([False, True, True])).as_list()
    assert lowest == {"above": 0.266667, "to": 0.333333, "rows": 1, "confidence": 0.3, "accuracy": 0.0}
    assert (highest["to"], highest["rows"], highest["confidence"], highest["accuracy"]) == (1.0, 2, 0.99, 1.0)


def test_scores_include_the_error() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1]])
    scores = score(probabilities, [0, 1], ("glad", "low", "cross"))
    assert scores.ece == pytest.approx((0.2 + 0.6) / 2)
    assert scores.as_dict()["ece"] == pytest.approx(0.4)
    assert scores.ece_less_chance == pytest.approx(scores.ece - chance_error(np.array([0.8, 0.6])), abs=1e-12)


def test_the_error_by_chance_of_one_row_is_the_mean_of_both_outcomes() -> None:
    assert chance_error(np.array([0.75]), draws=20_000) == pytest.approx(2 * 0.75 * 0.25, abs=0.005)
    assert chance_error(np.array([1.0, 1.0])) == 0.0


@pytest.mark.parametrize("rows", [100, 1000])
def test_a_calibrated_model_has_an_error_less_chance_of_about_0(rows: int) -> None:
    errors, less = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        confidences = rng.uniform(0.3, 1.0, rows)
        errors.append(reliability(confidences, rng.random(rows) < confidences).error)
        less.append(errors[-1] - chance_error(confidences, draws=200))
    assert np.mean(errors) > 3 * abs(np.mean(less))
    assert abs(np.mean(less)) < 0.01


def test_the_error_by_chance_falls_with_the_rows_and_is_the_same_each_time() -> None:
    confidences = np.linspace(0.4, 1.0, 4000)
    assert chance_error(confidences) < chance_error(confidences[::10]) / 2
    assert chance_error(confidences) == chance_error(confidences.copy())
    assert chance_error(confidences) == pytest.approx(chance_error(confidences[::-1], seed=1), rel=0.05)


def test_an_overconfident_model_keeps_its_error() -> None:
    rng = np.random.default_rng(3)
    confidences = rng.uniform(0.8, 1.0, 500)
    error = reliability(confidences, rng.random(500) < confidences - 0.2).error
    assert error - chance_error(confidences) > 0.12
