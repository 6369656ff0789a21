"""The scores agree with scikit-learn's."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from tweets.classification_scores import classification_scores

LABELS = st.sampled_from(["joy", "anger", "fear"])


@given(pairs=st.lists(st.tuples(LABELS, LABELS), min_size=1))
def test_scores_agree_with_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    truths, predictions = zip(*pairs, strict=True)
    scores = classification_scores(Counter(pairs))
    assert scores is not None
    assert scores.accuracy == pytest.approx(sklearn_metrics.accuracy_score(truths, predictions))
    labels = sorted(scores.precision)
    precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
        truths, predictions, labels=labels, zero_division=0
    )
    assert [scores.precision[label] for label in labels] == pytest.approx(list(precision))
    assert [scores.recall[label] for label in labels] == pytest.approx(list(recall))
    assert scores.macro_f1 == pytest.approx(f1.mean())


def test_without_labels_there_are_no_scores() -> None:
    assert classification_scores(Counter()) is None
