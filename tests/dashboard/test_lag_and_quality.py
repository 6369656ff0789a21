"""How far behind, and how good: arithmetic that an independent reckoning must agree with."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from dashboard.lag import Lag, LagClock
from tweets.classification_scores import classification_scores
from tweets.emotions import EMOTIONS


def test_lag_is_what_is_not_committed_over_all_partitions() -> None:
    assert LagClock().look(0.0, ends={0: 10, 1: 5}, committed={0: 4, 1: 5}).records == 6


def test_a_partition_without_a_commit_lags_from_its_beginning() -> None:
    assert LagClock().look(0.0, ends={0: 10}, committed={}).records == 10


def test_the_age_is_that_of_the_oldest_record_that_waits() -> None:
    clock = LagClock()
    assert clock.look(100.0, ends={0: 5}, committed={0: 5}) == Lag(0, 0.0)
    assert clock.look(101.0, ends={0: 8}, committed={0: 5}) == Lag(3, 0.0)
    assert clock.look(104.0, ends={0: 9}, committed={0: 7}) == Lag(2, 3.0)
    assert clock.look(105.0, ends={0: 9}, committed={0: 8}) == Lag(1, 1.0)
    assert clock.look(106.0, ends={0: 9}, committed={0: 9}) == Lag(0, 0.0)


def test_a_topic_that_was_made_anew_starts_again() -> None:
    clock = LagClock()
    clock.look(100.0, ends={0: 50}, committed={0: 0})
    assert clock.look(110.0, ends={0: 3}, committed={0: 0}) == Lag(3, 0.0)


def test_without_labels_there_is_no_quality() -> None:
    assert classification_scores({}) is None


@given(st.lists(st.tuples(st.sampled_from(EMOTIONS), st.sampled_from(EMOTIONS)), min_size=1, max_size=40))
def test_quality_agrees_with_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    found = classification_scores(Counter(pairs))
    labels, emotions = [label for label, _ in pairs], [emotion for _, emotion in pairs]
    assert found is not None
    assert found.tweets == len(pairs)
    assert found.accuracy == pytest.approx(accuracy_score(labels, emotions))
    assert found.macro_f1 == pytest.approx(f1_score(labels, emotions, average="macro", zero_division=0))
