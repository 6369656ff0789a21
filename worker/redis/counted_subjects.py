"""The tweet topics that Redis lists, with the second since when each is counted."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from tweets.periods import ALL, PERIOD_MS, UNITS, Period, Unit
from worker import time_limits

log = logging.getLogger(__name__)


class SubjectStore(Protocol):
    """The list in Redis. Methods may raise TransientError."""

    def count_subjects(self, since: Mapping[str, int]) -> Mapping[str, int]: ...
    def forget_subjects(self, keep: Collection[str], *, before_s: int) -> Collection[str]: ...


class FirstPeriods:
    """The first minute, hour and day of each tweet topic among the periods that are published again."""

    def __init__(self) -> None:
        self._first: dict[str, dict[Unit, int]] = {}

    def add(self, period: Period, subjects: Collection[str]) -> None:
        """Note a period that has tweets of these subjects."""
        for subject in subjects:
            if subject != ALL:
                first = self._first.setdefault(subject, {})
                first[period.unit] = min(period.number, first.get(period.unit, period.number))

    def since(self) -> dict[str, int]:
        """Return the Unix second in which each tweet topic has its first tweet, as exactly as the periods say it.

        The first day is exact to the hour if its hours are still kept, and to the minute if its minutes are.
        """
        return {subject: _start_s(first) for subject, first in self._first.items()}


def _start_s(first: Mapping[Unit, int]) -> int:
    found: Period | None = None
    for unit in reversed(UNITS):
        if unit in first:
            period = Period(unit, first[unit])
            if found is None or found.start_ms <= period.start_ms < found.end_ms:
                found = period
    return 0 if found is None else found.start_ms // 1000


class CountedSubjects:
    """Keeps the list in Redis: adds what is counted, and removes what has neither terms nor counts any more.

    `count` and `count_again` may be called by any thread, the others only by the thread that uses the store.
    """

    def __init__(self, store: SubjectStore, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` returns Unix seconds."""
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._names: frozenset[str] = frozenset()
        self._since: dict[str, int] = {}
        self._unstored: set[str] = set()
        self._look_s = time.monotonic() + time_limits.SUBJECTS_LOOK.seconds

    @property
    def has_unstored(self) -> bool:
        """Whether a tweet topic may be missing in Redis."""
        return bool(self._unstored)

    def count(self, names: Collection[str]) -> None:
        """Note that these tweet topics, and no others, are counted from now on."""
        now_s = int(self._clock())
        with self._lock:
            self._names = frozenset(names)
            for name in names:
                self._since.setdefault(name, now_s)
            self._unstored.update(names)

    def count_again(self) -> None:
        """Note that Redis may have lost the tweet topics."""
        with self._lock:
            self._unstored.update(self._since)

    def store(self) -> None:
        """Store since when the tweet topics are counted; an earlier second stays."""
        with self._lock:
            asked = {name: self._since[name] for name in self._unstored}
        self._stored(self._store.count_subjects(asked))

    def store_found(self, periods: FirstPeriods) -> None:
        """Store the tweet topics of periods that are published again, which may not be in TOPICS_FILE any more."""
        self._stored(self._store.count_subjects(periods.since()))

    def look(self) -> None:
        """Once in time_limits.SUBJECTS_LOOK, remove the tweet topics that are not counted and have no kept day.

        Those that another worker counts come back: each worker stores its own ones again.
        """
        if time.monotonic() < self._look_s:
            return
        self._look_s = time.monotonic() + time_limits.SUBJECTS_LOOK.seconds
        with self._lock:
            names = self._names
            asked = {name: self._since[name] for name in names}
        self._stored(self._store.count_subjects(asked))
        before_s = int(self._clock()) - PERIOD_MS["day"] // 1000  # a worker may not have read the changed file yet
        forgotten = self._store.forget_subjects(names, before_s=before_s)
        with self._lock:
            for name in set(forgotten) - self._names:
                self._since.pop(name, None)
                self._unstored.discard(name)
        if forgotten:
            log.info("removed %d tweet topics without counts from the list in Redis", len(forgotten))

    def _stored(self, found: Mapping[str, int]) -> None:
        with self._lock:
            self._since.update(found)
            self._unstored -= found.keys()
