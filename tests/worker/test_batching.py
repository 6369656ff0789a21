"""The conditions that close a batch, and the passes of a batch."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import Clock
from tests.records import a_record
from worker import time_limits
from worker.batching import BATCH_MAX_BYTES, Batch
from worker.inference.passes import cut_into_passes
from worker.settings import Settings


@pytest.mark.parametrize(
    ("max_tweets", "max_wait_s", "records", "waited_s", "closed"),
    [
        (3, 1.0, 0, 0.0, False),
        (3, 1.0, 0, 99.0, False),
        (3, 1.0, 2, 0.0, False),
        (3, 1.0, 2, 0.99, False),
        (3, 1.0, 2, 1.0, True),
        (3, 1.0, 3, 0.0, True),
        (3, 0.0, 1, 0.0, True),
        (3, 0.0, 0, 0.0, False),
        (1, 9.0, 1, 0.0, True),
    ],
)
def test_a_batch_closes_when_full_or_when_its_first_record_has_waited(
    max_tweets: int, max_wait_s: float, records: int, waited_s: float, closed: bool
) -> None:
    clock = Clock(100.0)
    batch = Batch(max_tweets, max_wait_s, clock)
    batch.add([a_record()] * records)
    clock.now_s += waited_s
    assert batch.closed is closed


ANSWER_S = time_limits.FETCH_ANSWER.seconds
AT_ONCE_S = time_limits.EMPTY_FETCH.seconds / 2
LATER_S = time_limits.EMPTY_FETCH.seconds * 2


@pytest.mark.parametrize(
    ("busy_s", "first_after_s", "max_wait_s", "open_s"),
    [
        (0.0, AT_ONCE_S, 0.5, 0.5 - AT_ONCE_S),
        (0.2, AT_ONCE_S, 0.5, 0.3 - AT_ONCE_S),
        (0.2, 0.0, 0.5, 0.3),
        (0.5, 0.0, 0.5, ANSWER_S),
        (60.0, AT_ONCE_S, 0.5, ANSWER_S),
        (60.0, 0.0, 0.0, 0.0),
        (60.0, 0.0, ANSWER_S / 2, ANSWER_S / 2),
        (60.0, LATER_S, 0.5, 0.5),
        (0.2, LATER_S, 0.5, 0.5),
    ],
    ids=[
        "not busy",
        "a short batch before",
        "there at the first poll",
        "busy for as long as the wait",
        "a long batch before",
        "no wait at all",
        "a wait below the time of an answer",
        "nothing was there after a long batch",
        "nothing was there after a short batch",
    ],
)
def test_records_that_came_while_the_worker_was_busy_have_waited_since_the_last_poll(
    busy_s: float, first_after_s: float, max_wait_s: float, open_s: float
) -> None:
    clock = Clock(100.0)
    batch = Batch(10, max_wait_s, clock, polled_at_s=100.0 - busy_s)
    clock.now_s += first_after_s
    batch.add([a_record()])
    assert batch.remaining_s == pytest.approx(open_s)
    assert batch.closed is (open_s == 0)


def test_a_batch_of_a_backlog_closes_when_it_is_full_without_a_wait_for_another_answer() -> None:
    batch = Batch(2, 0.5, Clock(100.0), polled_at_s=40.0)
    batch.add([a_record(offset=1), a_record(offset=2)])
    assert batch.closed


def test_later_records_do_not_prolong_the_wait_of_the_first() -> None:
    clock = Clock(100.0)
    batch = Batch(10, 1.0, clock)
    batch.add([a_record(offset=1)])
    clock.now_s += 0.75
    batch.add([a_record(offset=2)])
    assert batch.remaining_s == pytest.approx(0.25)
    clock.now_s += 0.25
    assert batch.closed


def test_an_empty_poll_does_not_start_the_wait() -> None:
    clock = Clock(100.0)
    batch = Batch(10, 1.0, clock)
    batch.add([])
    clock.now_s += 5
    assert batch.remaining_s is None
    batch.add([a_record()])
    assert batch.remaining_s == 1.0


def test_a_batch_closes_at_so_many_bytes_of_keys_values_and_headers() -> None:
    batch = Batch(1_000_000, 60.0, Clock(100.0))
    batch.add([a_record(b"v" * (BATCH_MAX_BYTES // 2), key=None)])
    assert not batch.closed
    batch.add([a_record(None, key=b"k" * (BATCH_MAX_BYTES // 4))])
    assert not batch.closed
    assert batch.room > 1
    batch.add([a_record(None, key=None, headers=[("name", b"h" * (BATCH_MAX_BYTES // 4))])])
    assert batch.closed
    assert batch.room == 0, "the next poll asks for as few records as possible"


def test_a_batch_of_ordinary_tweets_is_bounded_by_the_default_of_the_setting_and_not_by_bytes() -> None:
    batch = Batch(Settings(_env_file=None).batch_max_tweets, 60.0, Clock(100.0))
    tweet = a_record(b"x" * 500, key=b"k" * 20, headers=[("trace", b"t" * 55)])
    batch.add([tweet] * 4_095)
    assert not batch.closed
    batch.add([tweet])
    assert batch.closed


@pytest.mark.parametrize("content", [b"", None])
def test_a_record_of_a_megabyte_of_tiny_headers_counts_with_the_memory_of_its_headers(content: bytes | None) -> None:
    batch = Batch(1_000_000, 60.0, Clock(100.0))
    batch.add([a_record(b"{}", headers=[("h", content)] * 350_000)])
    assert batch.closed


def test_room_shrinks_and_order_is_kept() -> None:
    batch = Batch(5, 1.0, Clock(100.0))
    batch.add([a_record(offset=1), a_record(offset=2)])
    batch.add([a_record(offset=3)])
    assert batch.room == 2
    assert [record.offset for record in batch.records] == [1, 2, 3]


@pytest.mark.parametrize(
    ("lengths", "max_tokens", "passes"),
    [
        ([], 100, []),
        ([5], 100, [[0]]),
        ([5, 5, 5], 10, [[0, 1], [2]]),
        ([2, 9, 4], 18, [[1, 2], [0]]),
        ([200, 1], 100, [[0], [1]]),
        ([0, 0], 1, [[0], [1]]),
        ([3, 3, 3, 3], 12, [[0, 1, 2, 3]]),
    ],
)
def test_passes_hold_texts_of_similar_length(lengths: list[int], max_tokens: int, passes: list[list[int]]) -> None:
    assert [rows.tolist() for rows in cut_into_passes(lengths, max_tokens)] == passes


@given(st.lists(st.integers(1, 130), max_size=200), st.integers(16, 1024))
def test_passes_keep_the_budget_and_take_every_text_once_longest_first(lengths: list[int], max_tokens: int) -> None:
    passes = cut_into_passes(lengths, max_tokens)
    assert sorted(index for rows in passes for index in rows) == list(range(len(lengths)))
    longest = [max(lengths[index] for index in rows) for rows in passes]
    assert longest == sorted(longest, reverse=True)
    for rows, most in zip(passes, longest, strict=True):
        assert len(rows) * most <= max_tokens or len(rows) == 1


@given(st.lists(st.integers(1, 130), min_size=1, max_size=200), st.integers(130, 1024))
def test_no_two_neighbouring_passes_would_have_fitted_into_one(lengths: Sequence[int], max_tokens: int) -> None:
    passes = cut_into_passes(lengths, max_tokens)
    for first, second in pairwise(passes):
        assert (len(first) + len(second)) * lengths[first[0]] > max_tokens
