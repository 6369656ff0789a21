"""The lag of the workers: how many input records are not committed, and how long the oldest has waited. Pure."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lag:
    """Input records that are not committed, and the age of the oldest of them in seconds; None: not known.

    Workers commit the offset after transaction markers and aborted records, and the end that the page reads is before
    the records of open transactions. So the lag equals `emotion_consumer_lag`, and is 0 when everything is committed.
    """

    records: int
    seconds: float | None


class LagClock:
    """Remembers when each partition's end passed which offset: the time at which the record there was published.

    Records from before the first look are not older than the input record of the newest labelled tweet: with a backlog
    at the start of the page, that record's age is the age of the lag.
    """

    def __init__(self) -> None:
        self._ends: dict[int, deque[tuple[float, int]]] = {}
        self._first_ends: dict[int, int] = {}
        self._labelled_s: dict[int, float] = {}

    def labelled(self, number: int, input_at_s: float) -> None:
        """Receive the timestamp, in Unix seconds, of the input record of a partition's newest labelled tweet."""
        self._labelled_s[number] = input_at_s

    def measure(self, now_s: float, *, ends: Mapping[int, int], committed: Mapping[int, int]) -> Lag:
        """Return the lag at `now_s`, in Unix seconds.

        `ends` is partition → end offset; `committed` is partition → next offset to be processed, by default 0.
        """
        records = 0
        since_s: list[float | None] = []
        for number, end in ends.items():
            done = committed.get(number, 0)
            self._look(number, now_s, end, done)
            if end > done:
                records += end - done
                since_s.append(self._waits_since_s(number, done))
        known_s = [since for since in since_s if since is not None]
        return Lag(records, max(0.0, now_s - min(known_s, default=now_s)) if len(known_s) == len(since_s) else None)

    def _look(self, number: int, now_s: float, end: int, done: int) -> None:
        seen = self._ends.setdefault(number, deque())
        self._first_ends.setdefault(number, end)
        if seen and end < seen[-1][1]:  # the topic was deleted and created again
            seen.clear()
            self._first_ends[number] = 0
        if not seen or end > seen[-1][1]:
            seen.append((now_s, end))
        while len(seen) > 1 and seen[0][1] <= done:
            seen.popleft()

    def _waits_since_s(self, number: int, done: int) -> float | None:
        """Return since when the partition's oldest record waits, None if that is not known."""
        return self._labelled_s.get(number) if done < self._first_ends[number] else self._ends[number][0][0]
