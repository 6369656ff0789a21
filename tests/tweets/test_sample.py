"""The shipped sample: enough tweets, all different, and balanced over the emotions."""

from collections import Counter

import pytest

from tweets.datasets import SAMPLE, Row, read_rows
from tweets.emotions import EMOTIONS


@pytest.fixture(scope="module")
def sample() -> list[Row]:
    return list(read_rows(SAMPLE, "test"))


def test_the_sample_has_at_least_600_tweets_that_are_all_different(sample: list[Row]) -> None:
    texts = {" ".join(row.text.casefold().split()) for row in sample}
    assert len(sample) == len(texts) >= 600


def test_every_emotion_has_at_least_90_tweets_and_there_is_no_other_label(sample: list[Row]) -> None:
    counts = Counter(row.label for row in sample)
    assert set(counts) == set(EMOTIONS)
    assert min(counts.values()) >= 90


def test_less_than_a_fifth_of_the_tweets_say_feel(sample: list[Row]) -> None:
    assert sum("feel" in row.text.casefold() for row in sample) < len(sample) / 5


def test_the_emotions_are_mixed_from_beginning_to_end(sample: list[Row]) -> None:
    stretches = [sample[start : start + 60] for start in range(0, len(sample) - 59, 60)]
    assert all({row.label for row in stretch} == set(EMOTIONS) for stretch in stretches)


def test_the_tweets_are_no_longer_than_a_tweet_and_their_links_lead_nowhere(sample: list[Row]) -> None:
    assert max(len(row.text) for row in sample) <= 280
    assert all(row.text.count("http") == row.text.count("https://example.com/") for row in sample)
