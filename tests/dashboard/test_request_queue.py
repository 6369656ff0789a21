"""What one call of the model takes of the requests that wait: bounded, short requests first, no request left behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.api_models import BODY_MAX_BYTES, TEXTS_MAX
from dashboard.request_queue import (
    CALL_MAX_CHARS,
    CALL_MAX_TEXTS,
    QUEUE_MAX_CHARS,
    QUEUE_MAX_TEXTS,
    TEXT_MAX_CHARS,
    Request,
    RequestQueue,
)
from dashboard.word_effects import WORDS_MAX


def queue_of(*requests: Request) -> RequestQueue:
    queue = RequestQueue()
    assert all(queue.add(request) for request in requests)
    return queue


def request(texts: int, chars: int) -> Request:
    return Request(["x" * chars] * texts)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9_000)), min_size=1, max_size=12))
def test_every_call_keeps_its_bounds_and_every_text_is_taken_once_in_order(shapes: list[tuple[int, int]]) -> None:
    requests = [Request([f"{number:05}" + "x" * chars for number in range(texts)]) for texts, chars in shapes]
    queue = RequestQueue()
    taken: dict[int, list[str]] = {id(each): [] for each in requests}
    kept = [each for each in requests if queue.add(each)]
    while call := queue.take_call():
        texts = [text for part in call for text in part.texts]
        assert 0 < len(texts) <= CALL_MAX_TEXTS
        assert sum(min(len(text), TEXT_MAX_CHARS) for text in texts) <= CALL_MAX_CHARS
        for part in call:
            taken[id(part.request)] += part.texts
    assert all(taken[id(each)] == list(each.texts) for each in kept)
    assert (len(queue), queue.texts, queue.chars) == (0, 0, 0)


@pytest.mark.parametrize("chars", [1, 100, TEXT_MAX_CHARS, 10 * TEXT_MAX_CHARS])
def test_the_shortest_request_is_in_the_first_call_and_so_is_the_oldest(chars: int) -> None:
    oldest, *others = [request(40, chars) for _ in range(3)]
    short = request(1, 20)
    call = queue_of(oldest, *others, short).take_call()
    assert short in [part.request for part in call]
    assert oldest in [part.request for part in call]


def test_the_queue_is_bounded_by_characters_too() -> None:
    queue = queue_of(request(100, 4_000))
    assert not queue.add(request(100, 4_000))
    assert queue.add(request(QUEUE_MAX_TEXTS - 100, 1))
    assert not queue.add(request(1, 1))


def test_a_text_longer_than_the_model_reads_counts_as_what_the_model_reads() -> None:
    assert queue_of(request(2, 1_000_000)).chars == 2 * TEXT_MAX_CHARS


def test_the_largest_requests_fit_into_an_empty_queue() -> None:
    queue_of(request(TEXTS_MAX, BODY_MAX_BYTES // TEXTS_MAX))
    queue_of(request(1 + WORDS_MAX, TEXT_MAX_CHARS))
    assert QUEUE_MAX_CHARS >= 2 * (1 + WORDS_MAX) * TEXT_MAX_CHARS


def test_a_request_that_was_given_up_makes_room() -> None:
    given_up = request(QUEUE_MAX_TEXTS, 1)
    queue = queue_of(given_up)
    given_up.answer.cancel()
    assert queue.take_call() == []
    assert queue.add(request(QUEUE_MAX_TEXTS, 1))
