"""Golden texts and their tolerance."""

import numpy as np

from training.export.golden import GOLDEN_TEXTS, golden, most_confident, sample_texts


def test_the_most_confident_texts_of_each_label_are_taken() -> None:
    rng = np.random.default_rng(2)
    scores = rng.dirichlet(np.full(3, 0.3), size=100)
    chosen = most_confident(scores)
    assert len(set(chosen)) == GOLDEN_TEXTS
    assert set(scores.argmax(axis=0)) <= set(chosen)


def test_the_shipped_sample_has_enough_texts() -> None:
    assert len(sample_texts()) >= GOLDEN_TEXTS


def test_the_tolerance_is_a_multiple_of_the_measured_difference() -> None:
    exact = np.array([[0.9, 0.1]])
    found = golden(["text"], exact, [exact, exact - 0.02], ("glad", "low"))
    assert found == {"tolerance": 0.06, "texts": [{"text": "text", "scores": {"glad": 0.9, "low": 0.1}}]}


def test_the_tolerance_is_never_below_its_minimum_or_above_its_maximum() -> None:
    exact = np.array([[0.9, 0.1]])
    assert golden(["text"], exact, [exact - 0.5], ("glad", "low"))["tolerance"] == 0.2
    assert golden(["text"], exact, [exact], ("glad", "low"))["tolerance"] == 0.03
