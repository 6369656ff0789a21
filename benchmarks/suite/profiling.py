"""Where the worker's time goes at full load: py-spy looks at its threads, and the functions on top are counted."""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.suite.drain import drain
from benchmarks.suite.errors import SkippedError
from benchmarks.suite.programs import Program
from benchmarks.suite.topics import Backlog

ITEMS: Final = 10
_SECONDS: Final = 10
_SAMPLES_PER_SECOND: Final = 200

#: The worker's first batches are small; the profile begins after them.
_LIMIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class ProfileItem:
    """A function, and its share of the samples in which it was the innermost Python function of a running thread."""

    function: str
    share: float


def profile(program: Program, backlog: Backlog, folder: Path) -> list[ProfileItem]:
    """Return the largest items of a program at full load. Raises SkippedError if py-spy does not run here."""
    output = folder / f"{program.name.replace(' ', '-')}.stacks"

    def record(pids: Sequence[int]) -> None:
        command = [_program(), "record", "--pid", str(pids[0]), "--format", "raw", "--output", str(output)]
        more = ["--duration", str(_SECONDS), "--rate", str(_SAMPLES_PER_SECOND), "--nonblocking"]
        try:
            ended = subprocess.run([*command, *more], capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            raise SkippedError(f"py-spy did not end within {_LIMIT_S:g} s") from None
        if ended.returncode or not output.is_file():
            lines = ended.stderr.strip().splitlines() or ["no output"]
            raise SkippedError(f"py-spy failed ({lines[-1].strip()[:200]})")

    drain(program, backlog, folder, seconds=1.0, meanwhile=record)
    return largest_items(output.read_text(encoding="utf-8").splitlines())


def largest_items(stacks: Sequence[str]) -> list[ProfileItem]:
    """Return the ITEMS functions with the most samples of collapsed stacks, `outer;inner count` a line."""
    samples: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        innermost = frames.split(";")[-1]
        samples[_without_line(innermost)] += int(count)
    total = samples.total()
    return [ProfileItem(function, count / total) for function, count in samples.most_common(ITEMS)]


def _without_line(frame: str) -> str:
    """Return `function (file)` of `function (file:line)`."""
    head, colon, tail = frame.rpartition(":")
    return f"{head})" if colon and tail.rstrip(")").isdigit() else frame


def _program() -> str:
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.is_file() else shutil.which("py-spy")
    if found is None:
        raise SkippedError("py-spy is not installed; run pip install '.[bench]' in the project's folder")
    return found
