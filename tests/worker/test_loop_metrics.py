"""The metrics of the loop: what is counted, and when."""

import time
from pathlib import Path

import pytest

from tests.records import a_record, a_tweet_record
from tests.worker.loop_run import NEXT_GENERATION, NOTHING, OWNED, STORED, LoopRun, tweets
from tweets.records import Partition, Record
from worker.accounting import Accounting
from worker.errors import TransientError
from worker.membership import Membership, PolledRecords
from worker.process.metrics import Metrics

pytestmark = pytest.mark.usefixtures("no_pauses")


@pytest.mark.parametrize("step", ["publish", "commit"])
def test_nothing_is_counted_before_its_commit(step: str) -> None:
    running = LoopRun(NOTHING, tweets(7), NOTHING, fail={step: [TransientError("broker gone")]}).run()
    assert running.value("emotion_tweets_consumed_total") == 0
    assert running.value("emotion_tweets_classified_total", emotion="joy") is None
    assert running.value("emotion_transactions_total", outcome="aborted") == 1
    assert running.value("emotion_transactions_total", outcome="committed") is None
    assert running.recorder.published == []


def test_what_is_committed_is_counted() -> None:
    records: list[Record] = [
        a_tweet_record(7),
        a_record(b"[", offset=8),
        a_tweet_record(9, text=""),
        a_tweet_record(10),
    ]
    running = LoopRun(NOTHING, PolledRecords(records, OWNED)).run()
    assert running.value("emotion_tweets_consumed_total") == 4
    assert running.value("emotion_tweets_classified_total", emotion="joy") == 2
    assert running.value("emotion_tweets_dead_lettered_total", reason="not_json") == 1
    assert running.value("emotion_tweets_dead_lettered_total", reason="blank_text") == 1
    assert running.value("emotion_transactions_total", outcome="committed") == 1
    assert running.value("emotion_batch_tweets_sum") == 4
    assert running.value("emotion_confidence_sum", emotion="joy") == 1.5
    assert not running.confusion()
    assert running.value("emotion_end_to_end_seconds_count") == 4
    for stage in ("wait", "decode", "encode", "publish", "commit"):
        assert running.value("emotion_stage_seconds_count", stage=stage) == 1
    assert (running.value("emotion_last_commit_timestamp_seconds") or 0) > 1.7e9
    assert (running.value("emotion_first_fetch_timestamp_seconds") or 0) > 1.7e9


def test_tweets_are_counted_by_tweet_topic_and_emotion_after_their_commit(tmp_path: Path) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text("topics: [{name: pets, terms: [dog]}, {name: rain, terms: [rain]}]", encoding="utf-8")
    texts = ["dog", "dog in the rain", "sun", ""]
    records = [a_tweet_record(offset, text=text) for offset, text in enumerate(texts)]
    failing = LoopRun(NOTHING, PolledRecords(records, OWNED), fail={"commit": [TransientError("x")]}, topics_file=file)
    assert failing.run().value("emotion_subject_tweets_total", subject="pets", emotion="joy") is None
    running = LoopRun(NOTHING, PolledRecords(records, OWNED), topics_file=file).run()
    assert running.value("emotion_subject_tweets_total", subject="pets", emotion="joy") == 2
    assert running.value("emotion_subject_tweets_total", subject="rain", emotion="joy") == 1


def test_late_tweets_are_counted() -> None:
    metrics = Metrics()
    Accounting(metrics).late(3)
    assert metrics.registry.get_sample_value("emotion_late_tweets_total") == 3


def test_labels_that_the_model_knows_are_counted_with_the_prediction() -> None:
    labels = ["joy", "anger", "anger", "bliss", None]  # a made-up label would be a new series for each of them
    records = [a_tweet_record(offset, label=label) for offset, label in enumerate(labels)]
    running = LoopRun(NOTHING, PolledRecords(records, OWNED)).run()
    assert running.confusion() == {("joy", "joy"): 1, ("anger", "joy"): 2}


def test_lag_is_shown_for_owned_partitions_and_goes_with_them() -> None:
    labels = {"topic": "tweets", "partition": "3"}
    running = LoopRun(NOTHING, tweets(7)).run()
    assert running.value("emotion_consumer_lag", **labels) == 92
    assert (running.value("emotion_consumer_lag_seconds", **labels) or 0) > 0
    other = Partition("tweets", 4)
    elsewhere = Membership(frozenset({other}), 6, "member-1", "client_metadata")
    running = LoopRun(NOTHING, tweets(7), PolledRecords([], elsewhere), last=elsewhere)
    running.stream.stored[other] = STORED
    running.run()
    assert running.value("emotion_consumer_lag", **labels) is None
    assert running.value("emotion_consumer_lag_seconds", **labels) is None


LAG = {"topic": "tweets", "partition": "3"}


def an_old_record(offset: int, *, age_s: float) -> Record:
    return a_record(offset=offset, timestamp_ms=int((time.time() - age_s) * 1000))


def test_the_age_of_a_backlog_is_shown_before_the_first_commit() -> None:
    ages: list[float | None] = []
    backlog = PolledRecords([an_old_record(7, age_s=3_600), an_old_record(8, age_s=60)], OWNED)
    running = LoopRun(NOTHING, backlog, fail={"publish": [TransientError("broker gone")]})
    running.stream.before_publish = lambda: ages.append(running.value("emotion_consumer_lag_seconds", **LAG))
    running.run()
    assert ages == [pytest.approx(3_600, abs=60)]
    assert running.value("emotion_consumer_lag", **LAG) == 93
    assert running.value("emotion_consumer_lag_seconds", **LAG) == pytest.approx(3_600, abs=60)


def test_the_age_of_a_backlog_is_unknown_and_not_0_until_its_first_record_is_fetched() -> None:
    running = LoopRun(NOTHING).run()
    assert running.value("emotion_consumer_lag", **LAG) == 93
    assert running.value("emotion_consumer_lag_seconds", **LAG) is None


def test_records_after_a_time_without_lag_are_as_old_as_they_are() -> None:
    ages: list[float | None] = []

    def before_poll(_: int) -> None:
        ages.append(running.value("emotion_consumer_lag_seconds", **LAG))
        if len(ages) == 3:
            running.stream.end = 102  # two new records, which the next poll does not return yet

    old = PolledRecords([an_old_record(99, age_s=7_200)], OWNED)
    new = PolledRecords([an_old_record(100, age_s=1)], OWNED)
    running = LoopRun(NOTHING, old, NOTHING, new, before_poll=before_poll)
    running.run()
    assert ages == [None, None, 0, 0, pytest.approx(1, abs=60)]


def test_without_lag_the_age_is_0() -> None:
    running = LoopRun(NOTHING, PolledRecords([an_old_record(99, age_s=3_600)], OWNED)).run()
    assert running.value("emotion_consumer_lag", **LAG) == 0
    assert running.value("emotion_consumer_lag_seconds", **LAG) == 0


def test_a_record_without_a_timestamp_counts_but_has_no_age() -> None:
    records = [a_record(offset=7, timestamp_ms=-1)]
    running = LoopRun(NOTHING, PolledRecords(records, OWNED)).run()
    assert running.value("emotion_tweets_consumed_total") == 1
    assert running.value("emotion_end_to_end_seconds_count") == 0


def test_a_rebalance_is_counted_and_a_recovery_in_the_same_generation_is_not() -> None:
    polls: list[PolledRecords | Exception] = [
        NOTHING,
        TransientError("gone"),
        NOTHING,
        PolledRecords([], NEXT_GENERATION),
    ]
    running = LoopRun(*polls, last=NEXT_GENERATION).run()
    assert running.stream.calls.count("restore") == 3
    assert running.value("emotion_rebalances_total") == 2
