"""The supervisor of the workers: what ends is started again, and unexpected ends are findings."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from benchmarks.suite.programs import Program
from chaos.errors import ChaosError
from chaos.fleet import WORKERS, Fleet
from chaos.member import Member
from tests.servers import eventually

WAIT_S = 30.0

SLEEPS = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(os.environ.get("WORKER_ID", "dynamic"), os.environ.get("BATCH_MAX_TWEETS"), flush=True)
while True: signal.pause()
"""


@contextmanager
def fleet_of(code: str, folder: Path) -> Iterator[Fleet]:
    fleet = Fleet(Program("sleeps", (sys.executable, "-S", "-c", code)), {"BATCH_MAX_TWEETS": "7"}, folder)
    fleet.start()
    try:
        yield fleet
    finally:
        fleet.stop()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with fleet_of(SLEEPS, tmp_path) as running:
        eventually(
            lambda: all(line_of(tmp_path, n).endswith("\n") for n in range(WORKERS)), WAIT_S, "all workers have started"
        )
        yield running


def line_of(folder: Path, number: int) -> str:
    log = folder / f"worker-{number}.log"
    return log.read_text(encoding="utf-8") if log.exists() else ""


def test_two_of_three_workers_have_a_lasting_id_and_all_have_the_settings(fleet: Fleet, tmp_path: Path) -> None:
    assert [line_of(tmp_path, n) for n in range(WORKERS)] == ["worker-0 7\n", "worker-1 7\n", "dynamic 7\n"]


def test_a_killed_worker_is_started_again(fleet: Fleet, tmp_path: Path) -> None:
    before = fleet.pids()
    fleet.change(fleet.chosen(1), Member.kill)
    eventually(lambda: fleet.exits == {-signal.SIGKILL: 1}, WAIT_S, "the end is noticed")
    eventually(lambda: len(fleet.pids()) == WORKERS, WAIT_S, "another process runs")
    assert set(fleet.pids()) != set(before)
    assert fleet.unexpected == []


def test_a_restart_takes_other_settings(fleet: Fleet, tmp_path: Path) -> None:
    member = fleet.chosen(0)
    member.settings["BATCH_MAX_TWEETS"] = "99"
    fleet.change(member, Member.terminate)
    eventually(lambda: line_of(tmp_path, 0) == "worker-0 7\nworker-0 99\n", WAIT_S, "the worker has restarted")
    assert fleet.exits == {0: 1}


def test_a_frozen_worker_is_not_chosen_and_continues(fleet: Fleet) -> None:
    member = fleet.chosen(0)
    fleet.change(member, Member.freeze)
    assert member.pid is not None
    process = psutil.Process(member.pid)
    eventually(lambda: process.status() == psutil.STATUS_STOPPED, WAIT_S, "the process is stopped")
    assert member not in [fleet.chosen(target) for target in range(10)]
    fleet.change(member, Member.thaw)
    eventually(lambda: process.status() != psutil.STATUS_STOPPED, WAIT_S, "the process continues")


def test_a_fleet_grows_and_shrinks_within_its_limits(fleet: Fleet) -> None:
    assert [fleet.add() for _ in range(3)] == [True, True, False]
    eventually(lambda: len(fleet.pids()) == WORKERS + 2, WAIT_S, "the new workers run")
    assert [fleet.remove() for _ in range(4)] == [True, True, True, False]
    assert len(fleet.pids()) == 2
    assert fleet.unexpected == []


def test_nothing_is_started_between_stop_all_and_resume(fleet: Fleet) -> None:
    fleet.stop_all()
    assert fleet.pids() == []
    with pytest.raises(ChaosError, match="no worker runs"):
        fleet.chosen(0)
    fleet.resume()
    eventually(lambda: len(fleet.pids()) == WORKERS, WAIT_S, "all workers run")


def test_an_unexpected_exit_code_is_a_finding_with_the_end_of_the_log(tmp_path: Path) -> None:
    with fleet_of("print('it broke', flush=True); raise SystemExit(70)", tmp_path) as fleet:
        eventually(lambda: bool(fleet.unexpected), WAIT_S, "the end is noticed")
        assert "ended with exit code 70" in fleet.unexpected[0]
        assert "it broke" in fleet.unexpected[0]
        fleet.check()


def test_a_worker_that_is_stopped_gets_one_signal(tmp_path: Path) -> None:
    slow = SLEEPS.replace("sys.exit(0)", "(signal.signal(signal.SIGTERM, signal.SIG_DFL), signal.alarm(1))")
    slow = slow.replace("\nprint", "\nsignal.signal(signal.SIGALRM, lambda *_: os._exit(0))\nprint")
    with fleet_of(slow, tmp_path) as fleet:
        eventually(lambda: all(line_of(tmp_path, n).endswith("\n") for n in range(WORKERS)), WAIT_S, "all have started")
        fleet.change(fleet.chosen(0), Member.terminate)
        fleet.stop_all()
        assert fleet.exits == {0: WORKERS}


def test_no_process_is_left_after_the_stop(tmp_path: Path) -> None:
    with fleet_of(SLEEPS, tmp_path) as fleet:
        eventually(lambda: len(fleet.pids()) == WORKERS, WAIT_S, "all workers run")
        pids = fleet.pids()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_that_something_else_killed_is_a_finding(fleet: Fleet) -> None:
    os.kill(fleet.pids()[0], signal.SIGKILL)  # as the kernel does, if memory runs out
    eventually(lambda: bool(fleet.unexpected), WAIT_S, "the end is noticed")
    assert "worker-0 ended with exit code -9" in fleet.unexpected[0]


def test_a_worker_that_dies_at_an_armed_step_is_no_finding(fleet: Fleet) -> None:
    member, pid = fleet.chosen(0), fleet.pids()[0]
    member.kill_point.arm(3)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: fleet.exits == {-signal.SIGKILL: 1}, WAIT_S, "the end is noticed")
    member.kill_point.disarm()
    assert fleet.unexpected == []


def test_a_worker_that_ignores_sigterm_is_a_finding_and_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaos.member.STOP_S", 0.5)
    deaf = SLEEPS.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")
    with fleet_of(deaf, tmp_path) as fleet:
        eventually(lambda: all(line_of(tmp_path, n).endswith("\n") for n in range(WORKERS)), WAIT_S, "all have started")
        fleet.change(fleet.chosen(0), Member.terminate)
        eventually(lambda: fleet.exits[-signal.SIGKILL] == 1, WAIT_S, "the worker is killed")
        assert "worker-0 did not end within" in fleet.unexpected[0]
