"""What a run has found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.fault_log import Injected, by_kind, never_injected
from chaos.options import RunOptions
from chaos.stream.verdict import Verdict


@dataclass(frozen=True, slots=True)
class RunResult:
    """The verdict on the stream, and what the run itself saw; `findings` are sentences about the workers."""

    options: RunOptions
    seconds: float
    verdict: Verdict
    findings: Sequence[str] = ()
    injected: Sequence[Injected] = ()
    points: Sequence[tuple[float, int]] = ()
    exits: Mapping[int, int] = field(default_factory=dict)

    @property
    def broken(self) -> list[str]:
        """Return one sentence for each thing that broke the promise."""
        never = [f"{kind}: injected not once ({why})" for kind, why in never_injected(self.injected).items()]
        return [*self.verdict.broken, *self.findings, *never]

    @property
    def faults(self) -> dict[str, int]:
        """Return the number of faults of each kind that were injected."""
        return dict(sorted(by_kind(self.injected).items()))

    def as_json(self) -> dict[str, Any]:
        """Return the keys of the last line on stdout."""
        found = self.verdict
        return {
            "records": found.fed,
            "faults": self.faults,
            "lost": found.lost,
            "doubled": found.doubled,
            "out_of_order": found.out_of_order,
            "redis_difference": found.redis_difference,
            "stuck": found.stuck,
            "longest_pause_s": found.longest_pause_s,
            "seed": self.options.seed,
            "changed": found.changed,
            "unknown": found.unknown,
            "offsets_difference": found.offsets_difference,
            "checkpoint_difference": found.checkpoint_difference,
            "longest_partition_pause_s": found.longest_partition_pause_s,
            "labelled": found.labelled,
            "dead_letters": dict(sorted(found.dead_letters.items())),
            "faults_in_all": sum(self.faults.values()),
            "not_injected": {
                str(each.fault.number): f"{each.fault.kind}: {each.not_injected}"
                for each in self.injected
                if not each.was_injected
            },
            "worker_exits": {str(code): count for code, count in sorted(self.exits.items())},
            "seconds": round(self.seconds, 1),
            "profile": self.options.profile,
            "program": self.options.program,
            "broken_rule": self.options.broken_rule,
            "broken": self.broken,
        }

    def line(self) -> str:
        """Return everything on one line."""
        return json.dumps(self.as_json(), ensure_ascii=False)

    def summary(self) -> str:
        """Return one sentence with the figures."""
        found = self.verdict
        return (
            f"{found.fed:,} records, {sum(self.faults.values()):,} faults, seed {self.options.seed}: {found.lost:,} "
            f"lost, {found.doubled:,} doubled, {found.out_of_order:,} out of order, difference in Redis "
            f"{found.redis_difference:,}"
        )
