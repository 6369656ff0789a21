"""Words that are typical of a class."""

from collections import Counter

import numpy as np
import pytest

from tests.training.test_explore import LABELS, row, split
from training.explore.telling_words import telling_words, z_scores


def test_a_word_that_all_classes_use_equally_has_a_score_of_zero() -> None:
    counts = np.array([[50.0, 30.0, 0.0], [50.0, 0.0, 30.0], [0.0, 0.0, 0.0]])
    scores = z_scores(counts)
    assert scores[:, 0] == pytest.approx([0, 0, 0])
    assert scores[0, 1] > 1.96 > -1.96 > scores[1, 1]
    assert scores[2] == pytest.approx([0, 0, 0])


def test_rare_words_are_left_out_even_if_only_one_class_has_them() -> None:
    rows = [row("the sunny"), row("the tears", "low")] * 20 + [row("the rare")] * 4
    telling = telling_words(split("train", *rows), LABELS, normalize=str.lower, limit=12)
    assert {label: [entry["word"] for entry in words] for label, words in telling.items()} == {
        "glad": ["sunny"],
        "low": ["tears"],
        "cross": [],
    }
    assert (telling["low"][0]["count"], telling["low"][0]["count_in_all"]) == (20, 20)


def test_words_are_taken_from_the_normalised_text() -> None:
    rows = [row("SO sunny!"), row("so: don't", "low")] * 30
    telling = telling_words(split("train", *rows), LABELS, normalize=lambda text: text.replace("!", ""), limit=1)
    assert Counter(entry["word"] for words in telling.values() for entry in words) == {"sunny": 1, "don't": 1}


def test_a_single_word_is_typical_of_no_class() -> None:
    rows = [row("same"), row("same", "low")] * 30
    assert telling_words(split("train", *rows), LABELS, normalize=str, limit=3) == {label: [] for label in LABELS}
