"""Work for one thread: in order, with a bound on what waits, and errors as answers."""

import threading
from collections.abc import Iterator

import pytest

from dashboard.reader_queue import ReaderQueue
from dashboard.refusals import RefusedError
from tests.servers import eventually

SOON_S = 10.0


def running(wait_max_s: float) -> Iterator[ReaderQueue]:
    queue, stop = ReaderQueue("readings", waiting_max=2, wait_max_s=wait_max_s), threading.Event()
    thread = threading.Thread(target=queue.run, args=(stop,))
    thread.start()
    yield queue
    stop.set()
    thread.join(SOON_S)
    assert not thread.is_alive()


@pytest.fixture
def queue() -> Iterator[ReaderQueue]:
    """Return a queue in which two pieces of work may wait, and a thread that does them."""
    yield from running(wait_max_s=SOON_S)


@pytest.fixture
def impatient_queue() -> Iterator[ReaderQueue]:
    yield from running(wait_max_s=0.0)


def test_the_result_or_the_exception_of_the_work_is_the_answer(queue: ReaderQueue) -> None:
    def fail() -> None:
        raise KeyError("missing")

    failed, worked = queue.submit(fail), queue.submit(lambda: 7)
    assert worked.result(SOON_S) == 7
    assert isinstance(failed.exception(SOON_S), KeyError)


def test_more_than_may_wait_is_refused_with_the_time_to_retry_and_given_up_work_is_not_done(queue: ReaderQueue) -> None:
    begun, may_end, done = threading.Event(), threading.Event(), []

    def busy() -> None:
        begun.set()
        may_end.wait(SOON_S)

    first = queue.submit(busy)
    assert begun.wait(SOON_S)
    given_up, last = queue.submit(lambda: done.append("given up")), queue.submit(lambda: done.append("last"))
    with pytest.raises(RefusedError, match="too many readings are asked for at once") as refused:
        queue.submit(lambda: None)
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "2"})
    given_up.cancel()
    may_end.set()
    assert (first.result(SOON_S), last.result(SOON_S)) == (None, None)
    assert done == ["last"]


def test_work_that_waited_too_long_is_refused(impatient_queue: ReaderQueue) -> None:
    answer = impatient_queue.submit(lambda: 7)
    eventually(answer.done, SOON_S, "the work is refused")
    assert isinstance(answer.exception(), RefusedError)
