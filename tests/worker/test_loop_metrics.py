"""The metrics of the loop: what is counted, and when."""

import pytest

from tests.records import a_record, a_tweet_record
from tests.worker.loop_run import NEXT_GENERATION, NOTHING, OWNED, STORED, LoopRun, tweets
from tweets.records import Partition, Record
from worker.errors import TransientError
from worker.membership import Membership, PolledRecords

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
