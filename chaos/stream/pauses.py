"""How long a stream stood still while records waited. Pure: the clock is passed in."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

STUCK_S: Final = 60.0
"""A partition that waits for this long without progress is stuck."""


class Pauses:
    """The pauses of each partition and of the stream as a whole, in seconds of a clock that never goes back."""

    def __init__(self, partitions: int) -> None:
        self.longest_s = 0.0
        """The longest time without a record of any partition while records waited."""
        self.longest_partition_s = 0.0
        self.stuck: dict[int, float] = {}
        """Since when each partition that was stuck had waited, the first time."""
        self._since_s: list[float | None] = [None] * partitions
        self._all_since_s: float | None = None

    def update(self, *, waiting: Sequence[bool], moved: Sequence[bool], now_s: float) -> None:
        """Take which partitions have records that wait now, and which had a record since the last call."""
        for number, since_s in enumerate(self._since_s):
            if since_s is not None:
                paused_s = now_s - since_s
                self.longest_partition_s = max(self.longest_partition_s, paused_s)
                if paused_s >= STUCK_S:
                    self.stuck.setdefault(number, since_s)
            self._since_s[number] = _next_start(since_s, waiting=waiting[number], moved=moved[number], now_s=now_s)
        if self._all_since_s is not None:
            self.longest_s = max(self.longest_s, now_s - self._all_since_s)
        self._all_since_s = _next_start(self._all_since_s, waiting=any(waiting), moved=any(moved), now_s=now_s)

    def state(self) -> dict[str, Any]:
        """Return the JSON object that `restore` reads; a pause that has not ended is not in it."""
        stuck = [*self.stuck.items()]
        return {"longest_s": self.longest_s, "longest_partition_s": self.longest_partition_s, "stuck": stuck}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue with the longest pauses of an earlier `state`."""
        self.longest_s, self.longest_partition_s = state["longest_s"], state["longest_partition_s"]
        self.stuck = dict(state["stuck"])


def _next_start(since_s: float | None, *, waiting: bool, moved: bool, now_s: float) -> float | None:
    """Return since when a partition waits without progress, None if nothing waits."""
    if not waiting:
        return None
    return now_s if moved or since_s is None else since_s
