"""Programs under test, and what they leave behind."""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.servers import eventually

ROOT = Path(__file__).parents[2]
GONE_S = 2.0
"""Seconds after the end of a program in which all its children must be gone."""


class Program:
    """A running Python program with its output in files and a temporary folder of its own."""

    def __init__(self, arguments: Sequence[str], folder: Path, *, terminal: bool = False) -> None:
        """`terminal`: all output is in `stderr`, as a person would see it on a terminal."""
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        self._stdout.touch()
        self._family: set[psutil.Process] = set()
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            output = (stdout.fileno(), stderr.fileno())
            self.process = self._start_on_a_terminal(arguments) if terminal else self._start(arguments, *output)

    def _start(self, arguments: Sequence[str], stdout: int, stderr: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary), "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,
        )

    def _start_on_a_terminal(self, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
        ours, theirs = pty.openpty()
        process = self._start(arguments, theirs, theirs)
        os.close(theirs)
        threading.Thread(target=_copy, args=(ours, self._stderr), daemon=True).start()
        return process

    @property
    def stdout(self) -> str:
        return self._stdout.read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(encoding="utf-8")

    def children(self) -> list[psutil.Process]:
        """Return the processes that it has started, and remember them for `expect_nothing_left`."""
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        self._family |= set(found)
        return found

    def child(self, word: str) -> psutil.Process:
        """Return the one child with the word in its command line."""
        (found,) = [child for child in self.children() if word in child.cmdline()]
        return found

    def wait_for(self, text: str, deadline_s: float) -> None:
        """Wait until `text` is in its stderr."""

        def written() -> bool:
            assert self.process.poll() is None, f"it ended: {self.stderr}"
            self.children()
            return text in self.stderr

        eventually(written, deadline_s, f"{text!r} is in stderr; so far: {self.stderr}")

    def signal(self, signum: int) -> None:
        """Send a signal to this process alone, as its own process group is all that a terminal would reach."""
        self.children()
        self.process.send_signal(signum)

    def end(self, deadline_s: float) -> int:
        """Wait for its end and return the exit code."""

        def ended() -> bool:
            if self.process.poll() is None:
                self.children()
            return self.process.poll() is not None

        eventually(ended, deadline_s, "it ends")
        return self.process.returncode

    def expect_nothing_left(self, *, folders: bool = True) -> None:
        """Assert that within GONE_S no child process is left, and no file in the temporary folder."""
        eventually(lambda: not any(map(_alive, self._family)), GONE_S, "its children are gone")
        assert self._family, "no child was ever seen, so this would show nothing"
        if folders:
            assert list(self.temporary.iterdir()) == []


def _copy(terminal: int, path: Path) -> None:
    with path.open("ab", buffering=0) as file, suppress(OSError):  # Linux's way to say that the other end is closed
        while output := os.read(terminal, 65_536):
            file.write(output)
    os.close(terminal)


@contextmanager
def running(arguments: Sequence[str], folder: Path, *, terminal: bool = False) -> Iterator[Program]:
    """Run a program that ends with the block at the latest."""
    program = Program(arguments, folder, terminal=terminal)
    try:
        yield program
    finally:
        program.process.kill()
        program.process.wait(5)


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
