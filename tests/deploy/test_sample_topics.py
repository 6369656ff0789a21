"""The tweet topics of the shipped sample: each of them is found in it, and the program reads the file."""

from collections import Counter

from deploy.local.demo import SAMPLE_TOPICS
from tweets.datasets import SAMPLE, read_rows
from tweets.subjects_file import read_subjects


def test_every_tweet_topic_of_the_file_is_in_the_sample_and_many_tweets_have_one() -> None:
    matcher = read_subjects(SAMPLE_TOPICS)
    found = [matcher.find(row.text) for row in read_rows(SAMPLE, "test")]
    counts = Counter(name for names in found for name in names)
    assert {name for name in matcher.names if counts[name] < 10} == set()
    assert sum(map(bool, found)) > len(found) / 3
