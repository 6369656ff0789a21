"""One thread answers the requests of many clients: in few calls, each with its own predictions, up to a limit."""

import threading
from collections.abc import Iterator

import pytest

from dashboard.batcher import Batcher, BusyError
from dashboard.request_queue import CALL_MAX_CHARS, CALL_MAX_TEXTS, QUEUE_MAX_TEXTS, TEXT_MAX_CHARS
from tests.fakes import FakeClassifier, happiness
from tests.servers import eventually
from tweets.reasons import BadRecordError
from worker.errors import ExitCode, FatalError


class Owner:
    """A batcher with its thread."""

    def __init__(self) -> None:
        self.model = FakeClassifier()
        self.batcher = Batcher(self.model)
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.batcher.run(self.stop)
        except FatalError as error:
            self.error = error

    def hold(self) -> None:
        """Return once the model is busy; the call lasts until `model.may_answer` is set."""
        self.model.may_answer.clear()
        self.batcher.submit(["busy"])
        eventually(lambda: self.model.calls, 5, "the model is busy")

    def close(self) -> None:
        self.stop.set()
        self.model.may_answer.set()
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def owner() -> Iterator[Owner]:
    running = Owner()
    yield running
    running.close()


def test_requests_that_wait_for_a_busy_model_are_answered_by_one_call(owner: Owner) -> None:
    owner.hold()
    answers = [owner.batcher.submit([f"{'happy ' * number}text", "other"]) for number in range(30)]
    owner.model.may_answer.set()
    got = [answer.result(5) for answer in answers]
    assert got == [[happiness(f"{'happy ' * number}text"), happiness("other")] for number in range(30)]
    assert len(owner.model.calls) == 2
    assert (owner.batcher.counts.model_calls, owner.batcher.counts.texts) == (2, 61)


def test_a_request_longer_than_a_call_is_answered_in_order_by_several_calls(owner: Owner) -> None:
    owner.hold()
    texts = [f"{'happy ' * (number % 3)}{number}" for number in range(450)]
    answer = owner.batcher.submit(texts)
    owner.model.may_answer.set()
    assert answer.result(5) == [happiness(text) for text in texts]
    assert [len(call) for call in owner.model.calls] == [1, 100, 100, 100, 100, 50]


@pytest.mark.parametrize("text", ["text", "x" * 10_000, "text " * 500], ids=["many", "longest", "long"])
def test_a_short_request_is_in_the_next_call_whatever_else_waits(owner: Owner, text: str) -> None:
    owner.hold()
    long = [owner.batcher.submit([text] * 30) for _ in range(4)]
    short = owner.batcher.submit(["short"])
    owner.model.may_answer.set()
    assert short.result(5) == [happiness("short")]
    assert "short" in owner.model.calls[1]
    assert sum(min(len(each), TEXT_MAX_CHARS) for each in owner.model.calls[1]) <= CALL_MAX_CHARS
    for answer in long:
        assert len(answer.result(5)) == 30


def test_a_long_request_proceeds_while_short_ones_keep_coming(owner: Owner) -> None:
    owner.hold()
    long = owner.batcher.submit(["long " * 1_000] * 10)
    short = [owner.batcher.submit(["x" * 1_000]) for _ in range(40)]
    owner.model.may_answer.set()
    assert len(long.result(5)) == 10
    for answer in short:
        answer.result(5)
    assert all(any("long" in text for text in call) for call in owner.model.calls[1:11])


def test_a_request_that_is_given_up_half_way_takes_no_more_calls(owner: Owner) -> None:
    owner.model.may_answer.clear()
    given_up = owner.batcher.submit(["unwanted"] * (3 * CALL_MAX_TEXTS))
    eventually(lambda: owner.model.calls, 5, "its first call has begun")
    given_up.cancel()
    wanted = owner.batcher.submit(["wanted"])
    owner.model.may_answer.set()
    assert wanted.result(5) == [happiness("wanted")]
    assert owner.model.calls == [["unwanted"] * CALL_MAX_TEXTS, ["wanted"]]


def test_a_full_queue_refuses_requests_until_it_is_empty(owner: Owner) -> None:
    owner.hold()
    waiting = [owner.batcher.submit(["text"] * CALL_MAX_TEXTS) for _ in range(QUEUE_MAX_TEXTS // CALL_MAX_TEXTS)]
    with pytest.raises(BusyError):
        owner.batcher.submit(["one too many"])
    owner.model.may_answer.set()
    for answer in waiting:
        answer.result(5)
    assert owner.batcher.submit(["again"]).result(5) == [happiness("again")]


def test_a_text_on_which_the_model_fails_leaves_the_other_texts_their_predictions(owner: Owner) -> None:
    owner.hold()
    bad, good = owner.batcher.submit(["fine", "poison"]), owner.batcher.submit(["fine"])
    owner.model.may_answer.set()
    first, second = bad.result(5)
    assert first == happiness("fine")
    assert isinstance(second, BadRecordError)
    assert second.reason == "classifier_failed"
    assert good.result(5) == [happiness("fine")]


def test_a_broken_model_ends_the_thread_and_fails_every_waiting_request(owner: Owner) -> None:
    owner.hold()
    owner.model.broken = True
    answer = owner.batcher.submit(["text"])
    owner.model.may_answer.set()
    with pytest.raises(FatalError):
        answer.result(5)
    owner.thread.join(5)
    assert isinstance(owner.error, FatalError)
    assert owner.error.exit_code == ExitCode.ENGINE
    with pytest.raises(BusyError):
        owner.batcher.submit(["too late"])


def test_a_cancelled_request_is_not_classified(owner: Owner) -> None:
    owner.hold()
    assert owner.batcher.submit(["given up"]).cancel()
    wanted = owner.batcher.submit(["wanted"])
    owner.model.may_answer.set()
    wanted.result(5)
    assert owner.model.calls == [["busy"], ["wanted"]]


def test_requests_that_wait_at_the_stop_get_an_error(owner: Owner) -> None:
    owner.hold()
    left = owner.batcher.submit(["left"])
    owner.close()
    with pytest.raises(FatalError, match="stopping"):
        left.result(5)
