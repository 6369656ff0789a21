"""Run a program against a backlog for some seconds: its rate between commits, processor time, memory and start."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.suite.errors import BenchmarkError
from benchmarks.suite.programs import Program
from benchmarks.suite.resources import peak_mb, processor_seconds
from benchmarks.suite.topics import Backlog, CommittedTweets, delete, outputs
from benchmarks.suite.waiting import POLL_S
from deploy.local.children import Child

#: A program that loads PyTorch and commits every five seconds has committed by then.
_FIRST_COMMIT_S: Final = 90.0

_SECOND_COMMIT_S: Final = 30.0

#: Longer than the worker's own limit for draining.
_STOP_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class DrainResult:
    """Rates are from the first to the last commit that was seen; memory is of the largest process."""

    tweets_per_second: float
    processor_s_per_1000: float
    peak_mb: float
    ready_s: float
    """From the start of the process to its first commit."""


@dataclass
class Commits:
    """The commits that were seen: seconds, tweets, and processor seconds until then."""

    seen: list[tuple[float, int, float]] = field(default_factory=list)

    @property
    def last_total(self) -> int:
        """The tweets that were committed at the last look."""
        return self.seen[-1][1] if self.seen else 0

    @property
    def extension_s(self) -> float:
        """How much longer to wait for the second commit, without which there is no rate."""
        return _SECOND_COMMIT_S if len(self.seen) == 1 else 0.0

    def look(self, total: int, processor_s: float) -> None:
        """Keep the total and the processor seconds until now, if more is committed than at the last look."""
        if total and (not self.seen or total > self.seen[-1][1]):
            self.seen.append((time.perf_counter(), total, processor_s))

    def result(self, started_s: float, peak: float) -> DrainResult:
        """Return the rates. Raises BenchmarkError if fewer than two commits were seen."""
        first, last = self.seen[0], self.seen[-1]
        tweets = last[1] - first[1]
        if not tweets:
            raise BenchmarkError("only one commit was seen; measure for longer")
        rate = tweets / (last[0] - first[0])
        return DrainResult(rate, 1000 * (last[2] - first[2]) / tweets, peak, first[0] - started_s)


def drain(
    program: Program,
    backlog: Backlog,
    folder: Path,
    *,
    seconds: float,
    meanwhile: Callable[[Sequence[int]], None] | None = None,
) -> DrainResult:
    """Run the program until `seconds` after its first commit, or until the backlog is empty; then stop the program.

    `meanwhile` gets the process ids after the first commit. Raises LocalError if a process ends, and BenchmarkError if
    it does not commit.
    """
    run = backlog.new_run()
    commits = Commits()
    with ExitStack() as stack:
        stack.callback(delete, backlog.servers, outputs(run))
        committed = CommittedTweets(backlog.servers, run["KAFKA_GROUP_ID"])
        stack.callback(committed.close)
        started_s = time.perf_counter()
        children = [stack.enter_context(running(program, run, folder, n)) for n in range(program.processes)]
        pids = [child.pid for child in children]
        ends_s, peak = started_s + _FIRST_COMMIT_S, 0.0
        while time.perf_counter() < ends_s + commits.extension_s and commits.last_total < backlog.tweets:
            for child in children:
                child.check()
            before = len(commits.seen)
            commits.look(committed.total(), processor_seconds(pids))
            if commits.seen and not before:
                if meanwhile is not None:
                    meanwhile(pids)
                ends_s = time.perf_counter() + seconds
            peak = max(peak, *map(peak_mb, pids))
            time.sleep(POLL_S)
    if not commits.seen:
        raise BenchmarkError(f"{program.name} committed nothing within {_FIRST_COMMIT_S:g} s")
    return commits.result(started_s, peak)


@contextmanager
def running(program: Program, run: Mapping[str, str], folder: Path, number: int = 0) -> Iterator[Child]:
    """Run one process of a program during the block."""
    log = folder / f"{program.name.replace(' ', '-')}-{number}.log"
    child = Child(program.name, program.command, env=program.variables(run), log=log, stop_s=_STOP_S)
    try:
        yield child
    finally:
        child.stop()
