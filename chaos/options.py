"""What to run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from chaos.kinds import KINDS

OURS: Final = "ours"
KAFKA_LOOP: Final = "kafka-loop"
QUIX: Final = "quix"

PROGRAMS: Final[Mapping[str, str]] = {
    OURS: "emotion-stream",
    KAFKA_LOOP: "kafka-python loop, commit after the flush",
    QUIX: "Quix Streams, exactly-once",
}
"""Each program that a run can test, and its title."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """A run. With `folder`, the data of the servers and the state stay there; `resume` continues what is there.

    `strict` is false for a program that keeps less than the whole promise: only ids and the counter are judged then.
    """

    seed: int
    records: int
    faults: int
    gap_s: float
    density: int = 1
    profile: str = "quick"
    program: str = OURS
    broken_rule: str | None = None
    kinds: Sequence[str] = tuple(KINDS)
    poison_share: float = 0.01
    folder: Path | None = None
    resume: bool = False

    @property
    def strict(self) -> bool:
        """Whether the whole promise is judged."""
        return self.program == OURS

    def as_json(self) -> dict[str, Any]:
        """Return what a resumed run takes over."""
        fields = asdict(self)
        del fields["folder"], fields["resume"]
        return fields | {"kinds": list(self.kinds)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], folder: Path) -> Self:
        """Return the options of a run that continues in this folder."""
        return cls(**fields, folder=folder, resume=True)
