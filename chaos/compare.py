"""The same faults on this project's worker, on a kafka-python loop and on Quix Streams, one after the other."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.suite.errors import SkippedError
from chaos.options import OURS, RunOptions
from chaos.peers.programs import KAFKA_LOOP, PEERS, QUIX, peer
from chaos.report.progress import say
from chaos.result import RunResult
from deploy.markdown import table

PROGRAMS: Final[Mapping[str, str]] = {
    OURS: "emotion-stream",
    KAFKA_LOOP: "kafka-python loop, commit after the flush",
    QUIX: "Quix Streams, exactly-once",
}

#: Faults of the servers and of any program: one round of a schedule has 20 of these kinds. The others need a part that
#: only a worker has, such as numbered steps, or records that a plain loop never gets past.
KINDS: Final = (
    "kill",
    "zombie",
    "terminate",
    "broker_kill",
    "broker_freeze",
    "broker_cut_off",
    "connections_reset",
    "clients_cut_off",
    "redis_kill",
    "redis_freeze",
    "redis_wipe",
    "redis_old_snapshot",
    "redis_failover",
)

RECORDS: Final = 200_000
FAULTS: Final = 20

HEAD: Final = (
    "program",
    "lost",
    "doubled",
    "out of order",
    "difference in Redis",
    "longest pause s",
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
    """Return the options of a comparison: no poison, of which a plain loop never gets past the first."""
    return RunOptions(seed, records, faults, gap_s, profile="compare", kinds=KINDS, poison_share=0.0)


def _prepared() -> dict[str, str]:
    """Install what the peers need, before anything is measured; return why a peer cannot run."""
    skipped = {}
    for program in PEERS:
        try:
            peer(program, Path())
        except SkippedError as error:
            skipped[program] = str(error)
            say(f"not run: {PROGRAMS[program]}: {error}")
    return skipped


def _row(title: str, result: RunResult) -> list[str]:
    counts = (result.lost, result.doubled, result.out_of_order, result.redis_difference)
    return [title, *(f"{count:,}" for count in counts), f"{result.longest_pause_s:.1f}", str(result.stuck)]


def _figures(result: RunResult) -> dict[str, Any]:
    """Return the figures of a run without what all runs have in common."""
    common = {"seed", "profile", "program", "broken_rule"}
    return {name: value for name, value in result.as_json().items() if name not in common}
