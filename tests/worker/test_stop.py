"""The worker's end: the first signal drains within a limit, the second gives up, a dead thread ends it all."""

import os
import signal
from collections.abc import Iterator

import pytest

from worker.run import SHUTDOWN_LIMIT_S, Stop


@pytest.fixture
def stop() -> Iterator[Stop]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield Stop()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_drains_within_a_limit(stop: Stop, number: signal.Signals) -> None:
    assert not stop.is_set()
    os.kill(os.getpid(), number)
    assert stop.is_set()
    assert stop.watchdog._final is not None
    assert stop.watchdog._final.limit_s == SHUTDOWN_LIMIT_S
    assert stop.watchdog.overdue() is None


def test_the_second_signal_gives_up_at_once(stop: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    exits: list[int] = []
    monkeypatch.setattr("worker.process.stop.os._exit", exits.append)
    os.kill(os.getpid(), signal.SIGTERM)
    assert exits == []
    os.kill(os.getpid(), signal.SIGTERM)
    assert exits == [143]


def test_the_death_of_a_thread_ends_the_worker_with_its_error(stop: Stop) -> None:
    error = ZeroDivisionError()
    stop.on_death(error)
    assert stop.is_set()
    assert stop.death is error
