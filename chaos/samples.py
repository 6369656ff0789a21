"""The progress of a run over time, for its picture, its stop and the pauses of the faults."""

from collections.abc import Collection, Mapping
from typing import Final

from chaos.fault_log import Injected

_EVERY_S: Final = 0.5
"""Between two points of the picture."""


class Samples:
    """What was verified when; every time is a second of the run."""

    def __init__(self, points: Collection[tuple[float, int]] = ()) -> None:
        self.points = list(points)
        self._seen: dict[int, int] = {}
        self._moved_s: dict[int, float] = {}

    def add(
        self, now_s: float, seen: Mapping[int, int], fed: Mapping[int, int], injected: Collection[Injected]
    ) -> None:
        """Take notice of how many records of each partition are verified and fed by now."""
        for partition, count in seen.items():
            if count != self._seen.get(partition) or count >= fed.get(partition, 0):
                self._seen[partition], self._moved_s[partition] = count, now_s
        pause_s = now_s - min(self._moved_s.values(), default=now_s)
        for each in injected:
            each.observe(now_s, pause_s)
        if not self.points or now_s - self.points[-1][0] >= _EVERY_S:
            self.points.append((round(now_s, 1), sum(seen.values())))
