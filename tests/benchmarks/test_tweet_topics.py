"""The topics file of the benchmark on tweet topics."""

import random

import pytest

from benchmarks.suite.errors import BenchmarkError
from benchmarks.tweet_topics import FIRST_WORD, SUBJECTS, TERMS, topics_file
from tweets.subjects_file import parse_subjects


def words(count: int) -> list[str]:
    chance = random.Random(1)
    return ["".join(chance.choices("abcdefghij", k=8)) for _ in range(count)]


def test_most_tweets_belong_to_a_tweet_topic_of_the_file() -> None:
    chance = random.Random(2)
    vocabulary = words(FIRST_WORD + SUBJECTS * TERMS)
    texts = [" ".join(chance.choices(vocabulary, k=12)) for _ in range(3_000)]
    matcher = parse_subjects(topics_file(texts).encode(), "topics.yaml")
    assert len(matcher.names) == SUBJECTS
    assert sum(bool(matcher.find(text)) for text in texts) > len(texts) * 0.9


def test_a_data_set_with_few_words_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="has 0 words"):
        topics_file(["so happy"])
