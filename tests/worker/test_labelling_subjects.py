"""Labelled tweets carry their tweet topics and their event time; without a topics file nothing changes."""

import json
from pathlib import Path

import pytest

from tests.fakes import FakeClassifier
from tests.records import a_record, a_tweet_record
from tweets.event_time import labelled_event_time_ms
from tweets.labelled_tweet import decode
from tweets.records import Record
from worker.labelling import Labeller, OutputTopics, RecordOutcome
from worker.process.metrics import Metrics
from worker.watched_subjects import WatchedSubjects

FILE = """
topics:
  - {name: pets, terms: [dog, "#caturday"]}
  - {name: weather, terms: [heavy rain]}
"""


def a_labeller(topics_file: Path | None) -> Labeller:
    metrics = Metrics()
    topics = OutputTopics("out", "dead", 2_000)
    subjects = WatchedSubjects(topics_file, metrics)
    return Labeller(FakeClassifier(), topics, metrics, tweet_max_chars=1_900, subjects=subjects)


@pytest.fixture
def topics_file(tmp_path: Path) -> Path:
    file = tmp_path / "topics.yaml"
    file.write_text(FILE, encoding="utf-8")
    return file


def test_a_labelled_tweet_carries_the_tweet_topics_of_its_text(topics_file: Path) -> None:
    texts = ["Heavy  rain, and the dog!", "#Caturday", "nothing of this"]
    results = a_labeller(topics_file).label([a_tweet_record(n, text=text) for n, text in enumerate(texts)])
    expected = [("pets", "weather"), ("pets",), ()]
    assert [result.subjects for result in results] == expected
    assert [decode(result.output.value).topics for result in results] == expected
    assert "topics" not in json.loads(results[2].output.value or b"")


def test_the_tweet_topics_are_those_of_the_unchanged_text(topics_file: Path) -> None:
    (result,) = a_labeller(topics_file).label([a_tweet_record(text="＃ＣＡＴＵＲＤＡＹ")])
    assert result.subjects == ("pets",)


def test_a_dead_letter_has_no_tweet_topics(topics_file: Path) -> None:
    labeller = a_labeller(topics_file)
    records = [a_tweet_record(text="dog poison"), a_tweet_record(text="dog" * 700), a_record(b"dog")]
    assert [result.subjects for result in labeller.label(records)] == [(), (), ()]
    labelled = labeller.label([a_tweet_record(text="dog")])
    (refused,) = labeller.refuse(labelled, {0: "too large"})
    assert (refused.reason, refused.subjects) == ("refused", ())


@pytest.mark.parametrize("content", [None, "", "topics: []"])
def test_without_tweet_topics_the_output_has_the_bytes_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = None if content is None else tmp_path / "topics.yaml"
    if file is not None:
        file.write_text(content or "", encoding="utf-8")
    monkeypatch.setattr("worker.labelling.time.time_ns", lambda: 1_539_202_764_123_456_789)
    record = a_tweet_record(text="happy dog", created_at="2018-10-10T20:19:24Z", label="joy")
    (result,) = a_labeller(file).label([record])
    scores = ",".join(f'"{label}":{score}' for label, score in decode(result.output.value).scores.items())
    assert (result.output.value or b"").decode() == (
        f'{{"id":"tweets-3-7","text":"happy dog","emotion":"joy","confidence":0.65,"scores":{{{scores}}},'
        '"model":"fake-1","classified_at":"2018-10-10T20:19:24.123Z","created_at":"2018-10-10T20:19:24Z",'
        '"label":"joy"}'
    )


@pytest.mark.parametrize(
    "record",
    [
        a_tweet_record(created_at="2018-10-10T20:19:24.5Z"),
        a_tweet_record(created_at="9999-01-01T00:00:00Z"),
        a_tweet_record(created_at="1970-01-01T00:00:00Z"),
        a_tweet_record(),
        a_record(b'{"text":"a"}', timestamp_ms=1_539_202_764_123),
        a_record(b'{"text":"a"}', timestamp_ms=-1),
        a_record(b'{"text":"a"}', timestamp_ms=-1, headers=[("emotion.input.timestamp", b"7")]),
        a_record(b'{"text":"a"}', timestamp_ms=8, headers=[("emotion.input.timestamp", b"7")]),
    ],
)
def test_the_event_time_is_the_one_that_a_reader_of_the_output_computes(record: Record) -> None:
    (result,) = a_labeller(None).label([record])
    assert isinstance(result, RecordOutcome)
    assert result.event_ms == labelled_event_time_ms(decode(result.output.value), result.output.headers)


def test_the_tweet_topics_follow_the_file(topics_file: Path) -> None:
    labeller = a_labeller(topics_file)
    labeller.reread_subjects()  # the file has not changed
    (result,) = labeller.label([a_tweet_record(text="dog")])
    assert result.subjects == ("pets",)
