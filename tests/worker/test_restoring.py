"""Where a worker continues: every combination of the two copies of a state, and what proves that both are lost."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from tests.window_topic import with_windows
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import ExitCode, FatalError
from worker.membership import CommittedOffset, StoredState
from worker.restoring import Restored, Restorer

P0 = Partition("tweets", 0)
ONE, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
COUNTS = RunningCounts({"joy": 300}, skipped=4, topic_id=ONE)
COMMITTED = CommittedOffset(300, COUNTS.to_metadata())
CHECKPOINT = CommittedCounts(6, 300, COUNTS)
NOW_S = 1_900_000_000.0


def restore(
    stored: StoredState, *, generation: int = 1, in_redis: int = 0, accept_empty_state: bool = False
) -> Restored:
    def redis_counts(partitions: Collection[Partition]) -> Mapping[Partition, int]:
        return dict.fromkeys(partitions, in_redis)

    restorer = Restorer(redis_counts=redis_counts, accept_empty_state=accept_empty_state, now_s=lambda: NOW_S)
    return restorer.restore({P0: with_windows(stored)}, generation)


def test_a_whole_committed_offset_is_the_state_and_nothing_else_is_asked() -> None:
    checkpoint = CommittedCounts(9, 999, RunningCounts({"fear": 9}))
    found = restore(StoredState(0, COMMITTED, ONE, checkpoint, output_end=5), generation=7, in_redis=1)
    assert found == Restored({P0: CommittedCounts(7, 300, COUNTS)})


def test_without_a_committed_offset_position_and_counts_come_from_the_checkpoint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = restore(StoredState(0, None, ONE, CHECKPOINT, output_end=5), generation=1)
    assert found.committed_counts[P0].offset == 300
    assert found.committed_counts[P0].counts.totals == COUNTS.totals
    assert found.uncommitted == found.from_checkpoint == {P0}
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("tweets[0]: the group has no committed offset any more")


@pytest.mark.parametrize("last", [6, int(NOW_S) + 5], ids=["clock ahead", "clock behind"])
def test_a_group_that_begins_again_at_generation_1_is_a_later_owner_for_redis(last: int) -> None:
    checkpoint = replace(CHECKPOINT, generation=last)
    restored = restore(StoredState(0, None, ONE, checkpoint), generation=1).committed_counts[P0]
    assert restored.generation == max(last, int(NOW_S)) + 1
    metadata = CommittedOffset(300, restored.counts.to_metadata())
    again = restore(StoredState(0, metadata, ONE), generation=2).committed_counts[P0]
    assert again.generation == restored.generation + 1
    lost_again = restore(StoredState(0, None, ONE, again), generation=1).committed_counts[P0]
    assert lost_again.generation > again.generation


@pytest.mark.parametrize("metadata", ["", "of another tool", '{"v":2,"counts":{}}'])
@pytest.mark.parametrize("offset", [120, 300, 450])
def test_an_offset_that_an_operator_set_is_obeyed_with_the_counts_of_the_checkpoint(
    offset: int, metadata: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = restore(StoredState(0, CommittedOffset(offset, metadata), ONE, CHECKPOINT, output_end=5))
    assert found.committed_counts[P0].offset == offset
    assert found.committed_counts[P0].counts.totals == COUNTS.totals
    assert found.uncommitted == {P0}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert f"tweets[0]@{offset}: " in caplog.text


def test_records_deleted_behind_the_checkpoint_are_skipped_and_counted() -> None:
    found = restore(StoredState(380, None, ONE, CHECKPOINT))
    assert found.skipped == {P0: 80}
    assert found.committed_counts[P0].offset == 380
    assert found.committed_counts[P0].counts.skipped == 84


@pytest.mark.parametrize("committed", [None, CommittedOffset(40, "")])
def test_a_new_group_starts_with_counts_of_zero_and_without_an_error(
    committed: CommittedOffset | None, caplog: pytest.LogCaptureFixture
) -> None:
    found = restore(StoredState(7, committed, ONE))
    offset = 7 if committed is None else 40
    assert found == Restored({P0: CommittedCounts(1, offset, RunningCounts(topic_id=ONE))}, frozenset({P0}))
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("committed", [None, CommittedOffset(40, "")])
@pytest.mark.parametrize(
    ("output_end", "in_redis", "evidence"),
    [(5, 0, "the output topic has records in partition 0"), (0, 300, "Redis counts 300 tweets")],
)
def test_where_both_copies_are_lost_the_worker_ends_and_names_the_commands(
    output_end: int, in_redis: int, evidence: str, committed: CommittedOffset | None
) -> None:
    with pytest.raises(FatalError) as caught:
        restore(StoredState(0, committed, ONE, output_end=output_end), in_redis=in_redis)
    assert caught.value.exit_code is ExitCode.STATE
    line = str(caught.value)
    assert line.startswith("tweets[0]: ")
    assert all(words in line for words in (evidence, "import-state", "--accept-empty-state"))
    assert "\n" not in line


def test_a_deliberate_start_from_zero_is_committed_at_once_and_later_than_any_generation() -> None:
    found = restore(StoredState(3, None, ONE, output_end=5), in_redis=300, accept_empty_state=True)
    assert found.uncommitted == {P0}
    restored = found.committed_counts[P0]
    assert (restored.offset, restored.counts.totals) == (3, {})
    assert restored.generation > 1_900_000_000


def test_accepting_an_empty_state_changes_nothing_where_there_is_a_state() -> None:
    assert restore(StoredState(0, COMMITTED, ONE), accept_empty_state=True) == restore(StoredState(0, COMMITTED, ONE))
    stored = StoredState(0, None, ONE, CHECKPOINT)
    assert restore(stored, accept_empty_state=True) == restore(stored)


@pytest.mark.parametrize(
    "stored",
    [StoredState(0, COMMITTED, OTHER), StoredState(0, None, OTHER, CHECKPOINT)],
    ids=["committed offset", "checkpoint"],
)
def test_the_state_of_an_earlier_topic_of_the_same_name_is_refused(stored: StoredState) -> None:
    with pytest.raises(FatalError, match="deleted and created again") as caught:
        restore(stored)
    assert caught.value.exit_code is ExitCode.STATE
    later = replace(stored, checkpoint=stored.checkpoint and replace(stored.checkpoint, generation=2**40))
    if stored.committed is None:
        assert restore(later, accept_empty_state=True).committed_counts[P0].generation == 2**40 + 1
    accepted = restore(stored, accept_empty_state=True).committed_counts[P0]
    assert (accepted.offset, accepted.counts.totals, accepted.counts.topic_id) == (0, {}, OTHER)


def test_an_offset_set_for_the_topic_that_was_created_again_continues_with_the_counts() -> None:
    found = restore(StoredState(0, CommittedOffset(0, ""), OTHER, CHECKPOINT)).committed_counts[P0]
    assert (found.offset, found.counts.totals, found.counts.topic_id) == (0, COUNTS.totals, OTHER)


@pytest.mark.parametrize("present", ["", ONE])
def test_a_state_without_a_topic_id_takes_the_present_one(present: str) -> None:
    old = replace(COUNTS, topic_id="")
    found = restore(StoredState(0, CommittedOffset(300, old.to_metadata()), present))
    assert found.committed_counts[P0].counts == replace(COUNTS, topic_id=present)
    # An earlier release wrote it, without a second copy: both are committed at once.
    assert found.uncommitted == ({P0} if present else set())


def test_a_broker_without_topic_ids_keeps_the_known_one() -> None:
    assert restore(StoredState(0, COMMITTED, "")).committed_counts[P0].counts.topic_id == ONE
