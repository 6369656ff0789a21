"""A store of periods in memory that can hang, fail, lose its data, and go back to an earlier state."""

import copy
import threading
from collections.abc import Callable, Collection, Iterable, Mapping

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.redis.contributions import Contribution, Fence
from worker.redis.errors import WrongKeyError
from worker.redis.store import CountsStoreError

DEADLINE_S = 10.0
"""Seconds that a test waits for the thread, which needs milliseconds."""


class WindowsInMemory:
    """Has the rules of the scripts: contributions with a lower fence are stale, a marker is replaced if expected."""

    def __init__(self) -> None:
        self.periods: dict[Period, dict[Partition, Contribution]] = {}
        self.markers: dict[Partition, str] = {}
        self.since: dict[str, int] = {}
        self.pushes: list[tuple[Period, set[Partition]]] = []
        self.error: BaseException | None = None
        self.wrong_keys: set[Period] = set()
        self.attempts = 0
        self.closed = False
        self.before_marking: Callable[[], None] = lambda: None
        self.free = threading.Event()
        self.free.set()
        self.hanging = threading.Event()
        self._changed = threading.Condition()

    def publish(self, period: Period, contributions: Mapping[Partition, Contribution]) -> dict[Partition, str]:
        self._attempt()
        if period in self.wrong_keys:
            self._notify()
            raise WrongKeyError(f"WRONGTYPE: the key of {period} is not a hash")
        stored = self.periods.setdefault(period, {})
        outcomes = {}
        for partition, contribution in contributions.items():
            old = stored.get(partition)
            stale = old is not None and contribution.fence < old.fence
            outcomes[partition] = "stale" if stale else "known" if old == contribution else "applied"
            if not stale:
                stored[partition] = contribution
        self.pushes.append((period, set(contributions)))
        self._notify()
        return outcomes

    def marker_texts(self, partitions: Collection[Partition]) -> dict[Partition, str]:
        self._attempt()
        return {partition: self.markers.get(partition, "") for partition in partitions}

    def mark(self, markers: Mapping[Partition, tuple[str, Fence]]) -> dict[Partition, str]:
        self._attempt()
        self.before_marking()
        outcomes = {}
        for partition, (expected, fence) in markers.items():
            stored = self.markers.get(partition, "")
            marker = Fence.parse(stored)
            if marker is not None and marker.generation > fence.generation:
                outcomes[partition] = "stale"
            elif stored != expected:
                outcomes[partition] = "lost"
            else:
                outcomes[partition] = "applied"
                self.markers[partition] = str(fence)
        self._notify()
        return outcomes

    def count_subjects(self, since: Mapping[str, int]) -> dict[str, int]:
        self._attempt()
        for name, second in since.items():
            self.since[name] = min(second, self.since.get(name, second))
        self._notify()
        return {name: self.since[name] for name in since}

    def forget_subjects(self, keep: Collection[str], *, before_s: int) -> list[str]:
        self._attempt()
        counted = {subject for of in self.periods.values() for each in of.values() for subject in each.subjects()}
        forgotten = [
            name for name, since_s in self.since.items() if name not in {*keep, *counted} and since_s <= before_s
        ]
        for name in forgotten:
            del self.since[name]
        self._notify()
        return forgotten

    def close(self) -> None:
        self.closed = True

    def wipe(self) -> None:
        """Lose everything."""
        self.periods, self.markers, self.since = {}, {}, {}

    def snapshot(self) -> Callable[[], None]:
        """Return a function that goes back to the present state."""
        state = copy.deepcopy((self.periods, self.markers, self.since))

        def restore() -> None:
            self.periods, self.markers, self.since = copy.deepcopy(state)

        return restore

    def counts(self, period: Period, partition: Partition) -> str | None:
        """Return the JSON that is stored of a partition in a period."""
        found = self.periods.get(period, {}).get(partition)
        return None if found is None else found.counts

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition, which is checked after each call, is true."""
        with self._changed:
            assert self._changed.wait_for(condition, DEADLINE_S)

    def _attempt(self) -> None:
        self.hanging.set()
        assert self.free.wait(DEADLINE_S)
        self.attempts += 1
        if self.error is not None:
            self._notify()
            raise self.error

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


class ClosedInKafka:
    """The closed periods on the checkpoint topic; `error` is raised by the next reading, once."""

    def __init__(self) -> None:
        self.periods: dict[Partition, dict[Period, Cells]] = {}
        self.reads: list[frozenset[Partition]] = []
        self.error: Exception | None = None

    def __call__(self, partitions: Collection[Partition]) -> Iterable[tuple[Partition, Period, Cells]]:
        self.reads.append(frozenset(partitions))
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        for partition in partitions:
            for period, cells in self.periods.get(partition, {}).items():
                yield partition, period, cells


def failure() -> CountsStoreError:
    """Return the error of a Redis that does not answer."""
    return CountsStoreError("ConnectionError: refused")
