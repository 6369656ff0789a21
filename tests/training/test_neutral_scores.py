"""Scores of the neutral output, and the rule by which a threshold is suggested."""

import numpy as np
import pytest

from training.score.neutral import NeutralScores, ThresholdLimit, suggested_threshold

EMPTY = np.array([])


def scores(labelled: list[float], neutral: list[float]) -> NeutralScores:
    return NeutralScores(np.array(labelled), np.array(neutral))


def test_the_area_is_the_share_of_pairs_in_the_right_order_and_half_of_the_equal_ones() -> None:
    assert scores([0.1, 0.6], [0.5, 0.9]).area == pytest.approx(3 / 4)
    assert scores([0.5, 0.5], [0.5]).area == pytest.approx(0.5)


def test_a_row_at_the_threshold_is_not_called_neutral() -> None:
    found = scores([0.1, 0.7, 0.9, 0.2], [0.7, 0.8])
    assert (found.lost(0.7), found.found(0.7)) == (0.25, 0.5)


def test_without_neutral_rows_there_is_no_area_and_the_rows_that_are_lost_are_counted() -> None:
    found = NeutralScores(np.array([0.1, 0.8]), EMPTY)
    assert found.as_dict(0.5) == {
        "rows": 0,
        "labelled_rows": 2,
        "area_under_roc": None,
        "ece": None,
        "ece_less_chance": None,
        "threshold": 0.5,
        "found": None,
        "lost": 0.5,
    }
    assert NeutralScores(EMPTY, np.array([0.3])).lost(0.5) is None


def test_without_a_threshold_no_shares_are_given() -> None:
    assert set(scores([0.1], [0.9]).as_dict(None)) == {
        *("rows", "labelled_rows", "area_under_roc", "ece", "ece_less_chance")
    }


def test_certain_and_correct_probabilities_are_calibrated() -> None:
    assert scores([0.0, 0.0], [1.0]).calibration() == (0.0, 0.0)
    error, less = scores([0.9] * 50, [0.9] * 50).calibration() or (0.0, 0.0)
    assert error == pytest.approx(0.4)
    assert 0.35 < less < 0.4


def test_the_lowest_threshold_that_keeps_every_limit_is_suggested() -> None:
    rows = [number / 100 for number in range(100)]
    loose = ThresholdLimit("comments", scores(rows, [0.9]), 0.10)
    assert suggested_threshold([loose]) == 0.89
    strict = ThresholdLimit("tweets", NeutralScores(np.array([0.2, 0.935]), EMPTY), 0.0)
    assert suggested_threshold([loose, strict]) == 0.94
    assert strict.as_dict(0.94)["lost"] == 0.0
    assert strict.as_dict(0.94)["max_lost"] == 0.0


def test_no_threshold_is_suggested_if_none_keeps_the_limits() -> None:
    assert suggested_threshold([]) is None
    assert suggested_threshold([ThresholdLimit("tweets", scores([0.995], [0.5]), 0.0)]) is None
