"""Which fault comes when: a pure function of the seed."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from chaos.errors import ChaosError
from chaos.kinds import DENSE_LANES, KINDS, STEPS, Kind

_TARGETS: Final = 1 << 16
"""Each fault takes what it needs of its target, such as the remainder by the number of workers that run."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, due `at_s` seconds after the load has begun; `target` chooses whom the fault hits, or which variant."""

    number: int
    at_s: float
    kind: str
    target: int
    hold_s: float


def schedule(
    seed: int, count: int, gap_s: float, kinds: Collection[str] = tuple(KINDS), *, density: int = 1
) -> list[Fault]:
    """Return `count` faults, one in each `gap_s` seconds. A round has every kind as often as the kind says.

    With a `density` of n, a round has the kinds of DENSE_LANES n times as often. A shorter schedule with the same
    other arguments is the beginning of a longer one.
    Raises ChaosError for an unknown kind.
    """
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise ChaosError(f"no such kind of fault: {', '.join(unknown)}; choose of {', '.join(KINDS)}")
    random = Random(seed)
    chosen = [kind for kind in KINDS.values() if kind.name in kinds]
    faults: list[Fault] = []
    for kind, target in _rounds(random, chosen, density):
        if len(faults) == count:
            break
        at_s = round(gap_s * (len(faults) + random.random()), 3)
        faults.append(Fault(len(faults), at_s, kind.name, target, round(random.uniform(*kind.hold_s), 3)))
    return faults


def _rounds(random: Random, kinds: Collection[Kind], density: int) -> Iterator[tuple[Kind, int]]:
    """Yield kinds with their targets, without end; a round is shuffled, and kills a worker at every step."""
    while kinds:
        times = {kind: kind.in_a_round * (density if kind.lane in DENSE_LANES else 1) for kind in kinds}
        one = [(kind, number) for kind in kinds for number in range(times[kind])]
        random.shuffle(one)
        for kind, number in one:
            target = random.randrange(_TARGETS)
            # The remainder by STEPS is the step, what is left chooses the worker.
            yield kind, target - target % STEPS + number % STEPS if kind.name == "kill_at_step" else target
