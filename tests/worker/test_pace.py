"""How much is labelled at once: by measured speed, at least one record, and never more than there is."""

import pytest

from tests.records import a_record
from worker import time_limits
from worker.pace import FIRST_BATCH_RECORDS, FIRST_SLICE_RECORDS, BatchLimit, LabellingPace, cost_bytes


def costs(count: int, value_bytes: int) -> list[float]:
    return [cost_bytes(a_record(b"x" * value_bytes))] * count


TWEETS = costs(1_000, 100)


def test_the_first_slice_is_small_because_no_speed_is_known() -> None:
    assert LabellingPace().next_slice(TWEETS) == FIRST_SLICE_RECORDS
    assert LabellingPace().next_slice(TWEETS[:3]) == 3


@pytest.mark.parametrize("per_second", [10, 100, 300])
def test_a_slice_takes_about_the_time_of_its_limit(per_second: int) -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:per_second], seconds=1.0)
    records = pace.next_slice(TWEETS)
    assert records == pytest.approx(per_second * time_limits.LABEL_SLICE.seconds, abs=1)


def test_a_fast_model_gets_the_whole_batch() -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:32], seconds=0.001)
    assert pace.next_slice(TWEETS) == len(TWEETS)


def test_longer_texts_make_smaller_slices() -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:100], seconds=1.0)
    long = costs(100, 600)
    assert 1 < pace.next_slice(long) < pace.next_slice(TWEETS) / 3


def test_a_text_costs_no_more_than_the_model_reads_of_it() -> None:
    """The speed of texts of 40 kB, of which the model reads the beginning, is no speed of texts that it reads whole."""
    pace = LabellingPace()
    pace.measured(costs(60, 40_000), seconds=1.0)
    whole = costs(1_000, 600)
    assert pace.next_slice(whole) < 1.5 * 60 * time_limits.LABEL_SLICE.seconds


def test_a_record_of_a_megabyte_that_is_only_decoded_costs_something_too() -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:300], seconds=1.0)
    large = costs(1_000, 1_000_000)
    assert 1 < pace.next_slice(large) < pace.next_slice(TWEETS) / 5


def test_a_model_slower_than_one_record_in_a_slice_still_gets_one() -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:1], seconds=60.0)
    assert pace.next_slice(TWEETS) == 1


def test_a_change_of_speed_counts_within_a_few_slices() -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:1_000], seconds=1.0)
    for _ in range(6):
        pace.measured(TWEETS[:10], seconds=1.0)
    assert pace.next_slice(TWEETS) < 3 * 10 * time_limits.LABEL_SLICE.seconds


def test_a_time_of_zero_is_no_division_by_zero() -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:5], seconds=0.0)
    assert pace.next_slice(TWEETS) == len(TWEETS)


def test_the_first_batch_is_bounded_because_no_speed_is_known() -> None:
    assert LabellingPace().batch_records == FIRST_BATCH_RECORDS


@pytest.mark.parametrize("per_second", [10, 900, 100_000])
def test_a_batch_is_bounded_to_about_the_time_of_its_limit(per_second: int) -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:10], seconds=10 / per_second)
    assert pace.batch_records == pytest.approx(per_second * time_limits.LABEL_BATCH.seconds, rel=0.01)


def test_a_batch_of_a_model_slower_than_the_limit_has_one_record() -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:1], seconds=60.0)
    assert pace.batch_records == 1


def test_longer_texts_make_smaller_batches() -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:100], seconds=1.0)
    pace.measured(costs(25, 700), seconds=1.0)
    assert pace.batch_records < 35


def test_an_error_halves_the_batch_and_commits_grow_it_back_slowly() -> None:
    limit = BatchLimit(512)
    limit.failed()
    assert limit.records == 256
    limit.succeeded()
    assert limit.records == 288
    for _ in range(20):
        limit.succeeded()
    assert limit.records == 512


def test_a_batch_never_gets_smaller_than_one_record_and_grows_from_there() -> None:
    limit = BatchLimit(4)
    for _ in range(10):
        limit.failed()
    assert limit.records == 1
    limit.succeeded()
    assert limit.records == 2


def test_dead_letters_and_repeats_do_not_make_a_slow_model_look_fast() -> None:
    pace = LabellingPace()
    pace.measured(TWEETS[:40], seconds=2.0)
    before = pace.next_slice(TWEETS)
    pace.measured(TWEETS[:40], seconds=0.001, computed=0)
    assert pace.next_slice(TWEETS) == before
    pace.measured(TWEETS[:40], seconds=0.051, computed=1)
    assert pace.next_slice(TWEETS) == pytest.approx(before, rel=0.1)


def test_a_failed_batch_that_was_smaller_than_the_limit_halves_its_own_size() -> None:
    limit = BatchLimit(4_096)
    limit.begun(700)
    limit.failed()
    assert limit.records == 350
    limit.failed()
    assert limit.records == 175
