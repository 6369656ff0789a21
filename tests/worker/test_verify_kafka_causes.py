"""Which cause verify names where the committed offset is lost, or the output topic differs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.worker.verify_case import COUNTS, OTHER_ID, P1, TOPIC_ID, Case
from worker.counts import RunningCounts
from worker.kafka.committed import Committed
from worker.verify.causes import Cause
from worker.verify.finding import Explanation

# The committed offsets


def test_a_partition_without_an_offset_and_with_a_checkpoint_has_lost_its_offset() -> None:
    found = Case(at=None).cause()
    assert found.cause == Cause.OFFSETS_LOST
    assert "start a worker" in found.advice


def test_a_checkpoint_of_another_topic_id_means_that_the_topic_was_created_again() -> None:
    found = Case(at=None, evidence={"topic_id": OTHER_ID}).cause()
    assert found.cause == Cause.TOPIC_RECREATED
    assert TOPIC_ID in found.evidence
    assert OTHER_ID in found.evidence
    assert "--accept-empty-state" in found.advice


@pytest.mark.parametrize("at", [None, Committed(100, None)])
def test_without_any_copy_the_state_is_lost(at: Committed | None) -> None:
    found = Case(at=at, generation=None).cause()
    assert found.cause == Cause.STATE_LOST
    assert "import-state" in found.advice


def test_an_offset_without_metadata_was_moved_by_a_tool() -> None:
    found = Case(at=Committed(40, None)).cause()
    assert found.cause == Cause.OFFSET_MOVED
    assert "continues at offset 40" in found.advice


def test_metadata_that_no_worker_wrote_is_that_of_another_program() -> None:
    assert Case(at=Committed(40, None, foreign=True)).cause().cause == Cause.FOREIGN_METADATA


def test_a_partition_that_the_topic_does_not_have_is_gone() -> None:
    found = Case(at=None, evidence={"existing": {P1}}).cause()
    assert found.cause == Cause.PARTITION_GONE
    assert "--repair" in found.advice


# The output topic


def output(recount: Mapping[str, int], counts: RunningCounts = COUNTS, **evidence: Any) -> Explanation:
    case = Case(Committed(100, counts), found=counts.totals, recount=RunningCounts(recount), evidence=evidence)
    return case.cause()


def test_an_output_with_fewer_tweets_and_too_few_offsets_was_created_again() -> None:
    found = output({"joy": 1}, output_ends={0: 2})
    assert found.cause == Cause.OUTPUT_LACKS_TWEETS
    assert "lacks 2 of 3 counted tweets" in found.evidence
    assert "ends at offset 2" in found.evidence
    assert "ends at offset" not in output({"joy": 1}, output_ends={0: 200}).evidence


def test_an_output_with_fewer_tweets_on_a_compacted_topic_was_compacted() -> None:
    assert output({"joy": 1}, output_policy="compact,delete").cause == Cause.OUTPUT_COMPACTED


def test_counted_tweets_behind_an_open_transaction_are_held_back_and_not_gone() -> None:
    found = output({"joy": 1}, output_ends={0: 7}, output_uncommitted_ends={0: 10})
    assert found.cause == Cause.OUTPUT_BLOCKED
    assert "at offset 7, before its end at offset 10" in found.evidence
    assert "find-hanging" in found.advice


def test_an_open_transaction_with_too_few_records_behind_it_does_not_explain_what_is_missing() -> None:
    found = output({"joy": 1}, output_ends={0: 7}, output_uncommitted_ends={0: 9})
    assert found.cause == Cause.OUTPUT_LACKS_TWEETS


def test_an_output_with_more_tweets_is_that_of_two_groups() -> None:
    found = output({"joy": 5, "fear": 1})
    assert found.cause == Cause.OUTPUT_HAS_MORE
    assert "KAFKA_OUTPUT_TOPIC" in found.advice


def test_after_lost_offsets_more_tweets_are_earlier_labels_or_those_of_another_group() -> None:
    found = output({"joy": 5, "fear": 1}, replace(COUNTS, generation_base=1_700_000_000))
    assert found.cause == Cause.COUNTED_FROM_ZERO
    assert "another group" in found.evidence
    assert "--accept-empty-state" in found.advice
    assert "KAFKA_OUTPUT_TOPIC of its own" in found.advice


def test_an_output_with_other_labels_is_not_explained_and_the_advice_says_what_to_keep() -> None:
    found = output({"joy": 2, "fear": 1})
    assert found.cause == Cause.UNKNOWN
    assert "export-state" in found.advice


def test_redis_and_the_output_may_both_differ() -> None:
    found = Case(recount=RunningCounts({"joy": 9})).cause()
    assert found.cause == Cause.REDIS_BEHIND
    assert "also output_has_more: " in found.evidence
    assert "KAFKA_OUTPUT_TOPIC" in found.advice
