"""A worker ends itself at the step that is armed, and nowhere else."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chaos import kill_points
from chaos.broken_rules import RULES
from chaos.kill_points import KillPoint

PROGRAM_S = 60.0


def test_a_step_is_reached_once_after_it_was_armed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(kill_points, "end_process", lambda: ended.append("ended"))
    point = KillPoint(tmp_path / "worker.step")
    point.reached(3)
    point.arm(3)
    point.reached(2)
    assert (ended, point.armed) == ([], True)
    point.reached(3)
    assert (ended, point.armed) == (["ended"], False)
    point.reached(3)
    assert ended == ["ended"]


def test_a_step_that_was_disarmed_is_not_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(kill_points, "end_process", lambda: ended.append("ended"))
    point = KillPoint(tmp_path / "worker.step")
    point.arm(5)
    point.disarm()
    point.disarm()
    point.reached(5)
    assert ended == []


def test_the_process_ends_like_one_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from chaos.kill_points import KillPoint\n"
        "KillPoint(pathlib.Path(sys.argv[1])).reached(4)\n"
    )
    file = tmp_path / "worker.step"
    KillPoint(file).arm(4)
    ended = subprocess.run([sys.executable, "-c", program, str(file)], timeout=PROGRAM_S, check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize("rule", ["none", *RULES])
def test_the_worker_has_every_method_that_is_changed(rule: str, tmp_path: Path) -> None:
    # In a process of its own: the changes of classes would stay for other tests.
    change = f"from chaos.broken_rules import RULES; RULES['{rule}']()" if rule in RULES else ""
    program = (
        f"{change}\n"
        "import pathlib, sys\n"
        "from chaos.kill_points import KillPoint, install\n"
        "install(KillPoint(pathlib.Path(sys.argv[1])))\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "worker.step")]
    ended = subprocess.run(command, timeout=PROGRAM_S, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
