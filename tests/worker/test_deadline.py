"""A run that ends in time, whatever its calls do."""

import threading
from collections.abc import Iterator

import pytest

from tests.clock import Clock
from worker.deadline import NEVER, Deadline, in_time
from worker.time_limits import TimeLimit


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """Return what a hanging call waits for; it ends with the test."""
    event = threading.Event()
    yield event
    event.set()


def test_a_deadline_passes_when_its_time_has_come() -> None:
    clock = Clock(100)
    deadline = Deadline.after(10, clock)
    assert (deadline.left_s, deadline.has_passed) == (10, False)
    assert deadline.earlier(4).left_s == 6
    clock.now_s = 110
    assert deadline.has_passed
    assert not NEVER.has_passed
    assert not Deadline.after(None).has_passed


def test_a_limit_is_shortened_to_what_is_left() -> None:
    clock, limit = Clock(0), TimeLimit(5, "a limit")
    deadline = Deadline.after(7, clock)
    assert deadline.shortened(limit) is limit
    clock.now_s = 4
    assert deadline.shortened(limit).seconds == 3
    clock.now_s = 20
    assert deadline.shortened(limit).seconds == 0
    assert NEVER.shortened(limit) is limit


def test_work_that_ends_in_time_has_its_result() -> None:
    assert in_time(lambda: "done", Deadline.after(60), instead=lambda: "late") == "done"


def test_without_a_deadline_the_work_runs_in_the_same_thread() -> None:
    assert in_time(threading.get_ident, NEVER, instead=lambda: 0) == threading.get_ident()


def test_a_call_that_never_returns_is_left_behind(hanging: threading.Event) -> None:
    found = in_time(lambda: str(hanging.wait()), Deadline.after(0.05), instead=lambda: "late")
    assert found == "late"
    (thread,) = [each for each in threading.enumerate() if each.name == "in-time"]
    assert thread.daemon
    hanging.set()
    thread.join(10)


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("its own")], ids=repr)
def test_the_error_of_the_work_is_raised(error: Exception) -> None:
    def fail() -> str:
        raise error

    with pytest.raises(type(error), match=str(error)):
        in_time(fail, Deadline.after(60), instead=lambda: "late")
