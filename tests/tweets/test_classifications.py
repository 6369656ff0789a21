"""Predictions in columns are the predictions of the texts one by one, in every byte of their JSON."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tweets.classifications import Classifications
from tweets.emotions import EMOTIONS, NEUTRAL
from tweets.score_text import score_text, score_texts

_STEP_OR_MIDDLE = st.integers(0, 2_000_000).map(lambda half_steps: half_steps / 2e6)
SCORE = st.floats(0, 1) | _STEP_OR_MIDDLE | st.floats(0, 1e-4) | st.sampled_from([0.0, 1.0, 0.1, 1e-6, 5e-7, 9.95e-5])


@given(arrays(np.float64, (4, 3), elements=SCORE))
def test_scores_are_written_all_at_once_as_one_by_one(scores: NDArray[np.float64]) -> None:
    assert score_texts(scores) == [[score_text(score) for score in row] for row in scores.tolist()]


def test_every_score_of_six_decimals_is_written_as_the_number() -> None:
    scores = np.arange(1_000_001).reshape(-1, 1) / 1e6
    assert [text for (text,) in score_texts(scores)] == [repr(score).encode() for (score,) in scores.tolist()]


@pytest.mark.parametrize("labels", [EMOTIONS, ("100 %", 'so "good"', "é")], ids=["emotions", "odd names"])
@given(data=st.data())
def test_the_json_of_the_columns_is_that_of_each_prediction(labels: tuple[str, ...], data: st.DataObject) -> None:
    rows = data.draw(st.integers(0, 4))
    scores = data.draw(arrays(np.float64, (rows, len(labels)), elements=SCORE))
    neutral = data.draw(st.none() | arrays(np.float64, rows, elements=SCORE))
    threshold = data.draw(st.none() | SCORE)
    found = Classifications.of(labels, scores, neutral, neutral_threshold=threshold)
    assert found.json_members() == [prediction.json_members() for prediction in found]
    assert found.emotions == [prediction.emotion for prediction in found]
    assert found.confidences.tolist() == [prediction.confidence for prediction in found]
    assert len(found) == rows


def test_the_emotion_is_neutral_above_the_threshold_only() -> None:
    scores = np.array([[0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    neutral = np.array([0.5, 0.6, 0.1])
    found = Classifications.of(("sad", "glad"), scores, neutral, neutral_threshold=0.5)
    assert [(each.emotion, each.confidence) for each in found] == [("glad", 0.8), (NEUTRAL, 0.6), ("sad", 0.6)]
    plain = Classifications.of(("sad", "glad"), scores, neutral)
    assert plain.emotions == ["glad", "sad", "sad"]
