"""The same faults on this project's worker, on a kafka-python loop and on Quix Streams, one after the other."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.suite.errors import SkippedError
from chaos.kinds import FOR_ANY_PROGRAM
from chaos.options import KAFKA_LOOP, OURS, PROGRAMS, QUIX, RunOptions
from chaos.peers.programs import peer
from chaos.result import RunResult
from deploy.local.progress import say
from deploy.markdown import table

RECORDS: Final = 200_000
FAULTS: Final = 20

HEAD: Final = (
    "program",
    "lost",
    "doubled",
    "out of order",
    "difference in Redis",
    "longest pause s",
    "longest pause of one partition s",
    "stuck partitions",
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results by program, and for each program that could not run the reason."""

    results: Mapping[str, RunResult]
    skipped: Mapping[str, str]

    @property
    def kept(self) -> bool:
        """Whether this project's worker kept its promise; that of the others is not judged."""
        return not self.results[OURS].broken

    def markdown(self) -> str:
        """Return the table, and a line for each program that could not run."""
        rows = [_row(PROGRAMS[program], result) for program, result in self.results.items()]
        skipped = "".join(f"\nNot run: {PROGRAMS[program]}: {reason}\n" for program, reason in self.skipped.items())
        return table(HEAD, rows) + skipped

    def line(self) -> str:
        """Return everything on one line of JSON."""
        return json.dumps(
            {
                "seed": self.results[OURS].options.seed,
                "programs": {program: _figures(result) for program, result in self.results.items()},
                "skipped": dict(self.skipped),
            },
            ensure_ascii=False,
        )


def compare_programs(options: RunOptions, run: Callable[[RunOptions], RunResult]) -> Comparison:
    """Run each program under the faults of `options`, whose `program` does not matter.

    Raises ChaosError if a run cannot be judged.
    """
    skipped = _prepared()
    results = {}
    for number, program in enumerate(program for program in PROGRAMS if program not in skipped):
        say(f"{PROGRAMS[program]} ({number + 1} of {len(PROGRAMS) - len(skipped)})")
        results[program] = run(replace(options, program=program))
    return Comparison(results, skipped)


def options_for(seed: int, *, gap_s: float, records: int = RECORDS, faults: int = FAULTS) -> RunOptions:
    """Return the options of a comparison."""
    return for_any_program(RunOptions(seed, records, faults, gap_s, profile="compare"))


def for_any_program(options: RunOptions) -> RunOptions:
    """Return the options without what only a worker can meet: some kinds of faults, and poison.

    A loop that ends with an error never gets past its first record that is no tweet.
    """
    return replace(options, kinds=FOR_ANY_PROGRAM, poison_share=0.0)


def _prepared() -> dict[str, str]:
    """Install what the peers need, before anything is measured; return why a peer cannot run."""
    skipped = {}
    for program in (KAFKA_LOOP, QUIX):
        try:
            peer(program, Path())
        except SkippedError as error:
            skipped[program] = str(error)
            say(f"not run: {PROGRAMS[program]}: {error}")
    return skipped


def _row(title: str, result: RunResult) -> list[str]:
    found = result.verdict
    counts = (found.lost, found.doubled, found.out_of_order, found.redis_difference)
    pauses = (found.longest_pause_s, found.longest_partition_pause_s)
    return [title, *(f"{count:,}" for count in counts), *(f"{pause_s:.1f}" for pause_s in pauses), str(found.stuck)]


def _figures(result: RunResult) -> dict[str, Any]:
    """Return the figures of a run without what all runs have in common."""
    common = {"seed", "profile", "program", "broken_rule"}
    return {name: value for name, value in result.as_json().items() if name not in common}
