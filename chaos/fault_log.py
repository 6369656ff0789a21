"""What became of each fault: when it began and ended, and how long a partition paused meanwhile."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from chaos.schedule import Fault

SETTLING_S: Final = 10.0
"""A pause that lasts so long after the end of a fault is put down to that fault as well."""


@dataclass(slots=True)
class Injected:
    """A fault that has begun. `pause_s` is the longest time that a partition with waiting records stood still.

    Faults of different lanes overlap: each of them has the pause that all of them cause.
    """

    fault: Fault
    begun_s: float
    ended_s: float | None = None
    pause_s: float = 0.0
    not_injected: str | None = None
    """Why the fault was not possible; None for a fault that was injected."""

    @property
    def was_injected(self) -> bool:
        """Whether the fault was possible."""
        return self.not_injected is None

    def observe(self, now_s: float, pause_s: float) -> None:
        """Take notice of a pause that has lasted for `pause_s` at this moment."""
        if self.ended_s is None or now_s <= self.ended_s + SETTLING_S:
            self.pause_s = max(self.pause_s, min(pause_s, now_s - self.begun_s))

    def as_json(self) -> dict[str, Any]:
        """Return what the state of a run keeps."""
        return {
            "number": self.fault.number,
            "begun_s": round(self.begun_s, 3),
            "ended_s": None if self.ended_s is None else round(self.ended_s, 3),
            "pause_s": round(self.pause_s, 3),
            "not_injected": self.not_injected,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], faults: Mapping[int, Fault]) -> Self:
        """Return what `as_json` was made from."""
        number, *others = (fields[name] for name in ("number", "begun_s", "ended_s", "pause_s", "not_injected"))
        return cls(faults[number], *others)


def by_kind(injected: Sequence[Injected]) -> Counter[str]:
    """Return the number of faults of each kind that were injected."""
    return Counter(each.fault.kind for each in injected if each.was_injected)


def never_injected(injected: Sequence[Injected]) -> dict[str, str]:
    """Return each kind of which no fault was possible, with the reason of the last one."""
    possible = by_kind(injected)
    return {
        each.fault.kind: each.not_injected
        for each in injected
        if each.not_injected is not None and each.fault.kind not in possible
    }
