"""As of which commits Redis has the running counts and the periods of each partition."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.redis.contributions import Fence


@dataclass(frozen=True, slots=True)
class Publication:
    """What Redis has of every partition, by `group|topic|partition`, at one moment.

    `counts` are the running counts, `fences` the commits that they belong to, `markers` the commits up to which the
    periods are complete. `unfinished`: a publish script has failed between two writes.
    """

    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    fences: Mapping[str, Fence] = field(default_factory=dict)
    markers: Mapping[str, Fence] = field(default_factory=dict)
    unfinished: bool = False
