"""The state of a run in its folder, from which a later run continues."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from chaos.errors import ChaosError
from chaos.stream.event_times import some_hours_ago

_NAME: Final = "state.json"


@dataclass(slots=True)
class SavedState:
    """What a run has done so far. `options` are those that a continued run takes over."""

    options: Mapping[str, Any]
    elapsed_s: float = 0.0
    start_ms: int = field(default_factory=some_hours_ago)
    """The time of the first tweet, in Unix milliseconds."""
    injected: list[dict[str, Any]] = field(default_factory=list)
    points: list[tuple[float, int]] = field(default_factory=list)
    exits: dict[str, int] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    verifier: Mapping[str, Any] | None = None
    feeder: Mapping[str, Any] | None = None

    def write(self, folder: Path) -> None:
        """Write the state; a crash leaves the state before or this one, never a part."""
        written = folder / f"{_NAME}.new"
        written.write_text(json.dumps({name: getattr(self, name) for name in self.__slots__}), encoding="utf-8")
        written.replace(folder / _NAME)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the state. Raises ChaosError if there is none."""
        try:
            fields = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ChaosError(f"--run {folder}: no run to resume in this folder") from None
        fields["points"] = [(at_s, count) for at_s, count in fields["points"]]
        return cls(**fields)
