"""The shipped samples: enough tweets, all different, with the labels and kinds that their pages name."""

import re
from collections import Counter

import pytest

from tweets.datasets import SAMPLE, SAMPLE_DEV, Row, read_rows
from tweets.emotions import EMOTIONS, NEUTRAL

SAMPLES = pytest.mark.parametrize("name", [SAMPLE, SAMPLE_DEV])


def rows_of(name: str) -> list[Row]:
    return list(read_rows(name, "test"))


def words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", text.casefold()))


@SAMPLES
def test_a_sample_has_at_least_600_tweets_that_are_all_different(name: str) -> None:
    rows = rows_of(name)
    texts = {" ".join(row.text.casefold().split()) for row in rows}
    assert len(rows) == len(texts) >= 600


def test_the_samples_share_no_text() -> None:
    one, other = ({words(row.text) for row in rows_of(name)} for name in (SAMPLE, SAMPLE_DEV))
    assert not (one & other) - {()}


def test_sample_dev_has_at_least_90_tweets_of_every_emotion_and_no_other_label() -> None:
    counts = Counter(row.label for row in rows_of(SAMPLE_DEV))
    assert set(counts) == set(EMOTIONS)
    assert min(counts.values()) >= 90


def test_the_sample_has_at_least_80_tweets_of_every_emotion_and_100_neutral_ones() -> None:
    counts = Counter(row.label for row in rows_of(SAMPLE))
    assert set(counts) == {*EMOTIONS, NEUTRAL}
    assert min(counts[emotion] for emotion in EMOTIONS) >= 80
    assert counts[NEUTRAL] >= 100


def test_every_tweet_of_the_sample_has_a_kind_of_text() -> None:
    kinds = Counter(row.kind for row in rows_of(SAMPLE))
    assert None not in kinds
    assert kinds["sarcasm"] >= 20
    assert len(kinds) >= 10


@SAMPLES
def test_less_than_a_fifth_of_the_tweets_say_feel(name: str) -> None:
    rows = rows_of(name)
    assert sum("feel" in row.text.casefold() for row in rows) < len(rows) / 5


@SAMPLES
def test_the_emotions_are_mixed_from_beginning_to_end(name: str) -> None:
    rows = rows_of(name)
    stretches = [rows[start : start + 60] for start in range(0, len(rows) - 59, 60)]
    assert all({row.label for row in stretch} >= set(EMOTIONS) for stretch in stretches)


@SAMPLES
def test_the_tweets_are_no_longer_than_a_tweet_and_their_links_lead_nowhere(name: str) -> None:
    rows = rows_of(name)
    assert max(len(row.text) for row in rows) <= 280
    assert all(row.text.count("http") == row.text.count("https://example.com/") for row in rows)
