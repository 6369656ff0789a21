"""The watchdog in a process of its own: the process ends within its limit, whether or not its output is read."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from worker import time_limits
from worker.errors import ExitCode

LIMIT_S: Final = 0.5
ENDS_S: Final = 5.0
"""LIMIT_S, the interval and the report of the watchdog, and the scheduler of a busy machine."""

PROGRAM: Final = """
import ctypes, logging, os, sys, threading, time
from worker.process.logs import configure_logging
from worker.process.stop import StopFlag
from worker.process.watchdog import Watchdog

hang, form, limit_s, blocked = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4] == "blocked"
configure_logging("INFO", form)
log = logging.getLogger("worker.test")
watchdog = Watchdog(stop_limit_s=limit_s)
stop = StopFlag(on_first=lambda: watchdog.finish_within(limit_s))
stop.listen()
watchdog.start()

def fill(fd):
    os.set_blocking(fd, False)
    try:
        while True:
            os.write(fd, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(fd, True)

def sleep():
    while True:
        time.sleep(60)

def native():
    # A call that no signal interrupts, so that no Python signal handler runs.
    libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)

def log_lines():
    while True:
        log.info("a line")

def log_in_two_threads():
    threading.Thread(target=log_lines, daemon=True).start()
    time.sleep(0.2)
    log_lines()

print("ready", flush=True)
sys.stdin.readline()
if blocked:
    fill(1)
    fill(2)
name, _, what = hang.partition(":")
with watchdog.step("commit", limit_s if name == "step" else 60.0):
    {"sleep": sleep, "native": native, "log": log_lines, "threads": log_in_two_threads}[what]()
"""

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[bytes]] = []

    def start(hang: str, *, form: str = "text", output: str = "blocked") -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", PROGRAM, hang, form, str(LIMIT_S), output]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        running.append(process)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.stdin.write(b"\n")
        process.stdin.flush()
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("hang", ["sleep", "native", "log", "threads"])
def test_a_step_that_hangs_ends_the_process_although_the_log_is_not_read(start: Start, hang: str, form: str) -> None:
    assert start(f"step:{hang}", form=form).wait(ENDS_S) == ExitCode.STUCK


@pytest.mark.parametrize("hang", ["sleep", "native", "log", "threads"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_during_a_step_that_hangs_ends_the_process_although_the_log_is_not_read(
    start: Start, hang: str, number: int
) -> None:
    process = start(f"stop:{hang}")
    time.sleep(0.5)  # the process has no output left to say that it hangs
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait(ENDS_S) == ExitCode.STUCK


@pytest.mark.parametrize("form", ["text", "json"])
def test_where_the_log_is_read_it_names_the_step_and_shows_where_each_thread_is(start: Start, form: str) -> None:
    process = start("step:sleep", form=form, output="read")
    _, log = process.communicate(timeout=ENDS_S)
    assert process.returncode == ExitCode.STUCK
    assert b"commit has taken more than 0.5 s: ending the process" in log
    assert b"in sleep" in log
    assert b"MainThread" in log
    assert log.count(b"\n") == 2 or form == "text"


def test_a_stop_is_seen_in_a_call_that_no_signal_interrupts(start: Start) -> None:
    process = start("stop:native", output="read")
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=ENDS_S)
    assert process.returncode == ExitCode.STUCK
    assert b"shutdown has taken more than 0.5 s" in log


def test_the_report_fits_into_the_grace_of_a_container() -> None:
    limits = (time_limits.SHUTDOWN, time_limits.WATCHDOG_INTERVAL, time_limits.WATCHDOG_REPORT)
    assert sum(limit.seconds for limit in limits) < time_limits.STOP_GRACE.seconds
