"""DEAD_LETTER_MAX_SHARE: which batch stops a worker, the log line, and that nothing of the batch is sent."""

import logging
from collections.abc import Sequence
from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import PARTITION, a_record
from tests.worker.loop_run import NOTHING, OWNED, LoopRun, tweets
from tweets.records import OutputRecord, Record
from worker.dead_letter_share import ENOUGH, DeadLetterShare
from worker.errors import ExitCode, FatalError, RefusedRecordsError, TransientError
from worker.labelling import RecordOutcome
from worker.membership import PolledRecords

GOOD = None
BAD = "not_json"

pytestmark = pytest.mark.usefixtures("no_pauses")


def outcomes(*reasons: str | None) -> list[RecordOutcome]:
    output = OutputRecord("out", PARTITION.number, None, b"", [])
    return [
        RecordOutcome(a_record(offset=offset), output, emotion=None if reason else "joy", reason=reason)
        for offset, reason in enumerate(reasons)
    ]


def stops(share: DeadLetterShare, *reasons: str | None) -> bool:
    """Return whether the batch stops the worker; otherwise the batch is committed."""
    batch = outcomes(*reasons)
    try:
        share.check(batch)
    except FatalError:
        return True
    share.committed(batch)
    return False


def spread(bad: int, records: int) -> list[str | None]:
    """Return so many bad records, evenly among all records."""
    reached = pairwise(number * bad // records for number in range(records + 1))
    return [BAD if before < after else GOOD for before, after in reached]


@pytest.mark.parametrize(
    ("limit", "committed", "batch", "stopped"),
    [
        (0.5, [GOOD] * 1_000, [BAD] * 499, False),
        (0.5, [GOOD] * 1_000, [BAD] * 500, True),
        (0.5, [GOOD] * 5_000, [BAD] * 500, True),
        (0.5, [], [BAD] * 600, True),
        (0.07, [GOOD] * 930, [BAD] * 70, True),
        (0.07, [GOOD] * 931, [BAD] * 69, False),
        (0.001, [GOOD] * 1_000, [BAD], True),
        (0.001, [], [BAD], True),
        (1.0, [GOOD], [BAD] * 999, False),
        (1.0, [GOOD], [BAD] * 1_000, True),
        (0.5, [], [GOOD] * 1_500 + [BAD] * 500 + [GOOD] * 2_000, True),
        (0.5, [], [GOOD] * 1_500 + [BAD] * 499 + [GOOD] * 2_000, False),
        (0.5, [BAD] * 400 + [GOOD] * 1_000, [BAD] * 400, False),
        (0.5, [GOOD] * 600 + spread(400, 1_000), [BAD] * 200, True),
    ],
)
def test_a_batch_with_which_the_share_of_the_last_thousand_records_reaches_the_limit_stops_the_worker(
    limit: float, committed: Sequence[str | None], batch: Sequence[str | None], stopped: bool
) -> None:
    share = DeadLetterShare(limit)
    share.committed(outcomes(*committed))
    assert stops(share, *batch) is stopped


def test_without_a_limit_nothing_stops_the_worker() -> None:
    share = DeadLetterShare()
    assert not any(stops(share, *[BAD] * 600) for _ in range(3))


def test_the_line_has_share_reasons_topic_newest_record_and_what_to_do() -> None:
    share = DeadLetterShare(0.25)
    share.committed(outcomes(*[GOOD] * 400))
    with pytest.raises(FatalError) as caught:
        share.check(outcomes(*["no_text"] * 40, *[BAD] * 560, GOOD))
    assert caught.value.exit_code is ExitCode.DEAD_LETTERS
    assert str(caught.value) == (
        "DEAD_LETTER_MAX_SHARE=0.25: 600 of the last 1000 records of topic tweets are dead letters "
        "(not_json 560, no_text 40), the newest at tweets[3]@599; the batch is not committed: check KAFKA_INPUT_TOPIC "
        "and the producers of the topic, or raise DEAD_LETTER_MAX_SHARE"
    )


def test_a_few_bad_records_after_the_start_are_committed_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    share = DeadLetterShare(0.5)
    assert not stops(share, *[BAD] * (ENOUGH - 1))
    (warning,) = caplog.messages
    assert warning.startswith("9 of the first 9 records since the start are dead letters (not_json 9), the newest at ")
    assert stops(share, GOOD, BAD)


def test_few_bad_records_among_many_tweets_are_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    share = DeadLetterShare(0.5)
    assert not stops(share, *spread(40, 100))
    assert not stops(share, *spread(40, 100))
    assert caplog.messages == []


def test_a_batch_that_is_tried_again_counts_once() -> None:
    share, batch = DeadLetterShare(0.5), outcomes(*[BAD] * 499)
    share.committed(outcomes(*[GOOD] * 1_000))
    for _ in range(5):
        share.check(batch)
    share.committed(batch)
    share.check(outcomes(GOOD))
    assert stops(share, BAD)


def test_the_batch_that_stopped_a_worker_stops_the_next_one_too() -> None:
    before = DeadLetterShare(0.2)
    before.committed(outcomes(*spread(150, 1_000)))
    batch = spread(100, 200)
    assert stops(before, *batch)
    assert stops(DeadLetterShare(0.2), *batch)


@given(st.lists(st.lists(st.booleans(), max_size=40), max_size=20), st.sampled_from([0.05, 0.2, 0.5, 0.9, 1.0]))
def test_no_window_of_committed_records_ever_has_the_limit(batches: list[list[bool]], limit: float) -> None:
    window = 20
    committed: list[str | None] = []
    with patch("worker.dead_letter_share.WINDOW", window):
        share = DeadLetterShare(limit)
        for bad in batches:
            reasons = [BAD if each else GOOD for each in bad]
            if not stops(share, *reasons):
                committed += reasons
    windows = [committed[start : start + window] for start in range(len(committed) - window + 1)]
    assert all(sum(reason is BAD for reason in each) / window < limit for each in windows)


def bad_records(*offsets: int) -> PolledRecords:
    records: list[Record] = [a_record(b"[", offset=offset) for offset in offsets]
    return PolledRecords(records, OWNED)


def stopped(running: LoopRun) -> list[str]:
    """Run a loop to its end by the limit; return the calls after those of the restore."""
    with pytest.raises(FatalError) as caught:
        running.run()
    assert caught.value.exit_code is ExitCode.DEAD_LETTERS
    calls = running.stream.calls
    return calls[calls.index("assign counts") + 1 :]


def test_nothing_of_the_batch_is_sent_or_committed() -> None:
    running = LoopRun(
        NOTHING, tweets(7), bad_records(*range(8, 20)), dead_letter_share=DeadLetterShare(0.5), batch_max_tweets=100
    )
    assert stopped(running) == ["poll", "publish", "commit", "publish counts", "poll"]
    assert running.value("emotion_tweets_consumed_total") == 1


def test_a_refused_tweet_counts_as_the_dead_letter_that_replaces_it() -> None:
    refused = RefusedRecordsError(dict.fromkeys(range(10), "no key"), exact=True)
    running = LoopRun(NOTHING, tweets(*range(10)), fail={"publish": [refused]}, dead_letter_share=DeadLetterShare(0.5))
    assert stopped(running) == ["poll", "publish", "rollback"]


def test_a_batch_counts_after_its_commit_and_not_when_the_commit_fails() -> None:
    six, next_three = bad_records(*range(7, 13)), bad_records(*range(13, 16))
    running = LoopRun(
        *(NOTHING, six, NOTHING, six, next_three, bad_records(16)),
        fail={"commit": [TransientError("broker gone")]},
        dead_letter_share=DeadLetterShare(0.5),
    )
    assert stopped(running).count("commit") == 3
    assert running.value("emotion_tweets_dead_lettered_total", reason="not_json") == 9
