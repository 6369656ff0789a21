"""The baseline of `compare`: logistic regression on TF-IDF."""

import numpy as np
import pytest

from tests.training.moods import MakeDataset, rows_of
from training.compare.baseline import fit_baseline
from training.data.learning_data import read_learning_data
from training.output.errors import TrainingError
from tweets.normalizer import NORMALIZERS

LABELS = ("glad", "low", "cross")


def test_words_that_distinguish_the_classes_are_learned(moods: str) -> None:
    data = read_learning_data(moods, None, add=None)
    baseline, validation = fit_baseline(data, normalize=NORMALIZERS["tweet-v1"])
    assert validation.accuracy == 1.0
    probabilities = baseline.probabilities(["I feel SO sunny!", "furious... rage"])
    assert [data.labels[number] for number in probabilities.argmax(axis=1)] == ["glad", "cross"]
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_parameters_are_a_weight_for_each_feature_and_label_and_an_intercept_for_each_label(moods: str) -> None:
    baseline, _ = fit_baseline(read_learning_data(moods, None, add=None), normalize=NORMALIZERS["tweet-v1"])
    features = baseline.features.transform(["glad"]).shape[1]
    assert baseline.parameters == 3 * features + 3


def test_the_penalty_of_the_best_validation_scores_is_chosen(moods: str) -> None:
    data = read_learning_data(moods, None, add=None)
    baseline, validation = fit_baseline(data, normalize=NORMALIZERS["tweet-v1"])
    assert validation.accuracy == 1.0
    assert baseline.inverse_penalty == 1.0  # of equally good penalties the strongest


def test_texts_without_a_common_word_give_one_line(make_dataset: MakeDataset) -> None:
    rows = [{"text": text, "label": label} for text, label in zip(("ab", "cd", "ef"), LABELS, strict=True)]
    data = read_learning_data(make_dataset(train=rows, validation=rows_of(LABELS, each=1)), None, add=None)
    with pytest.raises(TrainingError, match="tfidf: no word occurs in 2 training rows"):
        fit_baseline(data, normalize=NORMALIZERS["none"])
