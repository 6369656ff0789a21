"""How much each profile measures."""

from dataclasses import dataclass
from typing import Final

from benchmarks.suite.errors import BenchmarkError

#: What can be measured alone: each part has its own figures.
PARTS: Final = ("engine", "end-to-end", "worker", "latency", "scaling")


@dataclass(frozen=True, slots=True)
class Profile:
    """Rounds and their lengths. Seconds are of load; starts of programs and fills of topics come on top."""

    name: str
    engine_rounds: int
    engine_round_s: float
    end_to_end_rounds: int
    end_to_end_s: float
    instant_rounds: int
    instant_s: float
    latency_s: float
    backlog: int
    """Tweets on the input topic: more than the fastest contender labels in one round."""
    everything: bool = False
    """Also two workers and the scaling with partitions, batch limits, texts and backlogs."""


PROFILES: Final = {
    each.name: each
    for each in (
        Profile("quick", 4, 1.2, 2, 8.0, 3, 5.0, 12.0, 120_000),
        Profile("full", 10, 3.0, 4, 20.0, 5, 10.0, 40.0, 300_000, everything=True),
    )
}


def profile_named(name: str) -> Profile:
    """Return a profile. Raises BenchmarkError with one line for an unknown name."""
    if name not in PROFILES:
        raise BenchmarkError(f"PROFILE={name}: no such profile; choose one of {', '.join(PROFILES)}")
    return PROFILES[name]
