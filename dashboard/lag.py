"""The lag of the workers: how many input records are not committed, and how long the oldest has waited. Pure."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lag:
    """Input records that are not committed, and the age of the oldest; None if it was there when the page started.

    Workers commit the offset after transaction markers and aborted records, and the end that the page reads is before
    the records of open transactions. So the lag equals `emotion_consumer_lag`, and is 0 when everything is committed.
    """

    records: int
    seconds: float | None


class LagClock:
    """Remembers when each partition's end passed which offset: the time at which the record there was published."""

    def __init__(self) -> None:
        self._ends: dict[int, deque[tuple[float | None, int]]] = {}

    def measure(self, now_s: float, *, ends: Mapping[int, int], committed: Mapping[int, int]) -> Lag:
        """Return the lag at `now_s`, in Unix seconds.

        `ends` is partition → end offset; `committed` is partition → next offset to be processed, by default 0.
        """
        records = 0
        oldest: list[float | None] = []
        for number, end in ends.items():
            waiting = max(0, end - committed.get(number, 0))
            seen = self._ends.setdefault(number, deque([(None, end)]))
            self._remember(seen, now_s, end)
            while seen and seen[0][1] <= committed.get(number, 0):
                seen.popleft()
            if waiting and seen:
                oldest.append(seen[0][0])
            records += waiting
        known = [at_s for at_s in oldest if at_s is not None]
        return Lag(records, now_s - min(known, default=now_s) if len(known) == len(oldest) else None)

    @staticmethod
    def _remember(seen: deque[tuple[float | None, int]], now_s: float, end: int) -> None:
        if seen and end < seen[-1][1]:  # the topic was deleted and created again
            seen.clear()
        if not seen or end > seen[-1][1]:
            seen.append((now_s, end))
