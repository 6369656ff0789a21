"""How much each profile does."""

from dataclasses import dataclass
from typing import Final

from chaos.errors import ChaosError


@dataclass(frozen=True, slots=True)
class Profile:
    """Records and faults of a run, the mean time between two faults, and how dense the faults of DENSE_LANES are."""

    name: str
    records: int
    faults: int
    gap_s: float
    density: int


PROFILES: Final = {
    each.name: each
    for each in (
        Profile("quick", records=200_000, faults=40, gap_s=5.0, density=1),
        Profile("long", records=10_000_000, faults=2_000, gap_s=3.0, density=3),
    )
}


def profile_named(name: str) -> Profile:
    """Return a profile. Raises ChaosError with one line for an unknown name."""
    if name not in PROFILES:
        raise ChaosError(f"PROFILE={name}: no such profile; choose one of {', '.join(PROFILES)}")
    return PROFILES[name]
