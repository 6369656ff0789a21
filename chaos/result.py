"""What a run has found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.fault_log import Injected, by_kind
from chaos.options import RunOptions


@dataclass(frozen=True, slots=True)
class RunResult:
    """The figures of the verifier, and a sentence in `broken` for each thing that broke the promise."""

    options: RunOptions
    seconds: float
    records: int
    lost: int
    doubled: int
    out_of_order: int
    changed: int
    redis_difference: int
    stuck: int
    longest_pause_s: float
    longest_partition_pause_s: float
    broken: Sequence[str] = ()
    injected: Sequence[Injected] = ()
    points: Sequence[tuple[float, int]] = ()
    exits: Mapping[int, int] = field(default_factory=dict)

    @property
    def faults(self) -> dict[str, int]:
        """The number of faults of each kind that were injected."""
        return dict(sorted(by_kind(list(self.injected)).items()))

    def as_json(self) -> dict[str, Any]:
        """Return the keys of the last line on stdout."""
        return {
            "records": self.records,
            "faults": self.faults,
            "lost": self.lost,
            "doubled": self.doubled,
            "out_of_order": self.out_of_order,
            "redis_difference": self.redis_difference,
            "stuck": self.stuck,
            "longest_pause_s": round(self.longest_pause_s, 1),
            "seed": self.options.seed,
            "changed": self.changed,
            "longest_partition_pause_s": round(self.longest_partition_pause_s, 1),
            "faults_in_all": sum(self.faults.values()),
            "not_injected": {
                str(each.fault.number): f"{each.fault.kind}: {each.not_injected}"
                for each in self.injected
                if each.not_injected is not None
            },
            "worker_exits": {str(code): count for code, count in sorted(self.exits.items())},
            "seconds": round(self.seconds, 1),
            "profile": self.options.profile,
            "program": self.options.program,
            "broken_rule": self.options.broken_rule,
            "broken": list(self.broken),
        }

    def line(self) -> str:
        """Return everything on one line."""
        return json.dumps(self.as_json(), ensure_ascii=False)
