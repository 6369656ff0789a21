"""How a program stops: the first signal sets the flag, the second ends the process, a failed thread sets it too."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from worker.process import stop as stop_module
from worker.process.stop import StopFlag
from worker.process.watchdog import Watchdog
from worker.time_limits import SHUTDOWN

AT_ONCE_S = 5.0
"""Far below the waits in these tests, far above a scheduler's delay."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_sets_the_flag(number: signal.Signals) -> None:
    stop = StopFlag()
    stop.listen()
    assert not stop.is_set()
    os.kill(os.getpid(), number)
    assert stop.is_set()
    assert stop.signal_number == number


def test_the_first_signal_gives_the_worker_a_time_limit_to_drain() -> None:
    now_s = 0.0
    watchdog = Watchdog(clock=lambda: now_s)
    stop = StopFlag(on_first=lambda: watchdog.finish_within(SHUTDOWN.seconds))
    stop.listen()
    os.kill(os.getpid(), signal.SIGTERM)
    now_s = SHUTDOWN.seconds
    assert watchdog.overdue() is None
    now_s = SHUTDOWN.seconds + 0.1
    assert watchdog.overdue() == f"shutdown has taken more than {SHUTDOWN.seconds:g} s"


def test_the_second_signal_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exits: list[int] = []
    monkeypatch.setattr("worker.process.stop.os._exit", exits.append)
    stop = StopFlag()
    stop.listen()
    os.kill(os.getpid(), signal.SIGTERM)
    assert exits == []
    os.kill(os.getpid(), signal.SIGTERM)
    assert exits == [143]


def test_a_signal_ends_the_wait_of_every_thread() -> None:
    stop = StopFlag()
    stop.listen()
    woken: list[bool] = []
    threads = [threading.Thread(target=lambda: woken.append(stop.wait(60))) for _ in range(3)]
    for thread in threads:
        thread.start()
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    started_s = time.monotonic()
    assert stop.wait(60)
    for thread in threads:
        thread.join(AT_ONCE_S)
    assert woken == [True, True, True]
    assert time.monotonic() - started_s < AT_ONCE_S


def test_a_wait_without_a_signal_ends_after_its_time_and_later_waits_do_not_wait() -> None:
    stop = StopFlag()
    assert not stop.wait(0.01)
    stop.set()
    started_s = time.monotonic()
    assert all(stop.wait(60) for _ in range(100))
    assert time.monotonic() - started_s < AT_ONCE_S


@pytest.mark.timeout(60)
@pytest.mark.parametrize("act", [lambda stop: stop.wait(0.001), StopFlag.set, StopFlag.is_set])
def test_a_signal_at_any_line_of_the_flag_itself_never_blocks(act: Callable[[StopFlag], object]) -> None:
    interrupted_lines = 0
    for line in range(20):
        stop = StopFlag()
        stop.listen()
        interrupted_lines += _interrupted_at(line, lambda stop=stop: act(stop))  # type: ignore[misc]
        if stop.signal_number is not None:
            assert stop.is_set()
            assert stop.wait(60)
    assert interrupted_lines >= 1


def _interrupted_at(line: int, act: Callable[[], object]) -> bool:
    """Send this process SIGTERM at the given line that `act` runs in the module of the flag; return whether it was."""
    lines_left = line
    sent = False

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal lines_left, sent
        if frame.f_code.co_filename != stop_module.__file__:
            return None
        if event == "line" and not sent:
            if lines_left == 0:
                sent = True
                signal.raise_signal(signal.SIGTERM)
            lines_left -= 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return sent


def test_the_failure_of_a_thread_sets_the_flag_and_is_kept() -> None:
    stop = StopFlag()
    error = ZeroDivisionError()
    stop.fail(error)
    assert stop.is_set()
    assert stop.failure is error
