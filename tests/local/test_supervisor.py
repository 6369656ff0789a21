"""Children end in order, whatever ends their parent, and nothing is left of them."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from deploy.local.children import Child
from deploy.local.errors import LocalError
from tests.local.processes import Program, running
from tests.servers import eventually

FAMILY = str(Path(__file__).with_name("family.py"))


@contextmanager
def family(way: str, folder: Path) -> Iterator[Program]:
    with running([FAMILY, way, str(folder / "last-words")], folder) as program:
        program.wait_for("all ready", 10)
        yield program


def last_words(folder: Path) -> str:
    path = folder / "last-words"
    return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_youngest_child_first_and_leaves_nothing(signum: signal.Signals, tmp_path: Path) -> None:
    with family("wait", tmp_path) as program:
        program.signal(signum)
        program.end(5)
        assert program.stderr == f"all ready\ninterrupted by {int(signum)}\n"
        assert last_words(tmp_path) == "younger\nelder\n"
        program.expect_nothing_left()


def test_a_dead_child_ends_the_others_and_shows_its_last_words(tmp_path: Path) -> None:
    with running([FAMILY, "crash", str(tmp_path / "last-words")], tmp_path) as program:
        program.end(15)
        assert program.stderr.endswith("short-lived ended unexpectedly (exit code 3)\nmy last words\n")
        assert last_words(tmp_path) == "younger\nelder\n"
        program.expect_nothing_left()


def test_a_killed_child_ends_the_others(tmp_path: Path) -> None:
    with family("wait", tmp_path) as program:
        program.child("elder").kill()
        program.end(5)
        assert "elder ended unexpectedly (killed by SIGKILL)" in program.stderr
        assert last_words(tmp_path) == "younger\n"
        program.expect_nothing_left()


def test_a_deadline_ends_all_and_names_what_was_waited_for(tmp_path: Path) -> None:
    with family("deadline", tmp_path) as program:
        program.end(10)
        assert "timed out after 0.5 s waiting for the end of time" in program.stderr
        program.expect_nothing_left()


def test_an_unexpected_error_ends_all(tmp_path: Path) -> None:
    with running([FAMILY, "bug", str(tmp_path / "last-words")], tmp_path) as program:
        assert program.end(15) == 1
        assert "ZeroDivisionError" in program.stderr
        assert last_words(tmp_path) == "younger\nelder\n"


def test_a_second_signal_gives_up_at_once(tmp_path: Path) -> None:
    with family("stubborn", tmp_path) as program:
        program.signal(signal.SIGINT)
        eventually(lambda: program.child("younger").is_running(), 5, "it waits for its stubborn child")
        program.signal(signal.SIGINT)
        assert program.end(5) == 128 + signal.SIGINT
        program.expect_nothing_left()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with family("wait", tmp_path) as program:
        program.signal(signal.SIGKILL)
        program.end(5)
        program.expect_nothing_left(folders=False)


def start(script: str, folder: Path, *, stop_s: float = 5) -> Child:
    return Child("child", ["sh", "-c", script], env={"PATH": "/bin:/usr/bin"}, log=folder / "log", stop_s=stop_s)


def test_a_child_that_ignores_sigterm_is_killed_after_its_time(tmp_path: Path) -> None:
    child = start('trap "" TERM; echo ready; while :; do sleep 0.05; done', tmp_path, stop_s=0.2)
    eventually(lambda: "ready" in child.log_tail(), 5, "the child is ready")
    assert not child.stop()
    assert child.exit_code == -signal.SIGKILL


def test_a_killed_child_takes_its_own_children_along(tmp_path: Path) -> None:
    child = start("sleep 60 & echo ready; wait", tmp_path)
    eventually(lambda: "ready" in child.log_tail(), 5, "the child is ready")
    grandchildren = psutil.Process(child.pid).children()
    assert len(grandchildren) == 1
    child.kill()
    eventually(lambda: child.exit_code == -signal.SIGKILL, 5, "the child is gone")
    eventually(
        lambda: not psutil.pid_exists(grandchildren[0].pid) or grandchildren[0].status() == psutil.STATUS_ZOMBIE,
        5,
        "the grandchild is gone",
    )


def test_the_log_tail_is_short_and_without_the_linkers_noise(tmp_path: Path) -> None:
    child = start("seq 100; echo 'libc.so.6: weak version `GLIBC_2.39'\"'\"' not found'; exit 1", tmp_path)
    eventually(lambda: child.exit_code is not None, 5, "the child has ended")
    assert child.log_tail().splitlines() == [str(number) for number in range(86, 101)]


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    child = Child("child", ["/no/such/program"], env={}, log=tmp_path / "log", stop_s=1)
    eventually(lambda: child.exit_code is not None, 5, "the attempt has ended")
    with pytest.raises(LocalError, match="child ended unexpectedly") as caught:
        child.check()
    assert "/no/such/program: No such file or directory" in caught.value.log
