"""Publishes minutes, hours and days to Redis, in a thread of its own."""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker import time_limits
from worker.errors import FatalError, TransientError
from worker.process.metrics import Metrics
from worker.redis.closed_push import ClosedPush, ReadClosed
from worker.redis.contributions import Contribution, Fence
from worker.redis.counted_subjects import CountedSubjects
from worker.redis.errors import WrongKeyError
from worker.redis.latest_periods import LatestPeriods
from worker.redis.published_markers import PublishedMarkers
from worker.redis.publishing_thread import PublishingThread
from worker.redis.window_store import WindowStore
from worker.redis.windows_log import WindowsLog
from worker.windows.state import WindowUpdate

log = logging.getLogger(__name__)

SHARE_OF_TIME: Final = 2
"""From one round to the next, so many times the duration of the first passes: Redis answers others in between."""


class WindowsPublisher:
    """Publishes the newest counts of each period in rounds, at most one in time_limits.WINDOWS_PUSH.

    There is no queue: newer counts of a period replace older ones. After each round the thread writes a marker for each
    partition. Where Redis does not have the marker that was written last, Redis has lost data; then all periods are
    published again, the closed ones as the checkpoint topic has them.
    """

    def __init__(
        self,
        store: WindowStore,
        metrics: Metrics,
        on_death: Callable[[BaseException], None],
        *,
        read_closed: ReadClosed,
        late_ms: int,
    ) -> None:
        """`late_ms`: WINDOW_LATE_MINUTES. `on_death` gets the error that ends the thread."""
        self._store = store
        self._metrics = metrics
        self._read_closed = read_closed
        self._latest = LatestPeriods(late_ms)
        self._markers = PublishedMarkers(store)
        self._closed: ClosedPush | None = None
        self._subjects = CountedSubjects(store)
        self._wrong_key: WrongKeyError | None = None
        """The first one of a round."""
        self._foreign: set[Partition] = set()
        self._log = WindowsLog()
        self._next_round_s = self._check_s = time.monotonic()
        self._thread = PublishingThread("windows-publisher", self._round, store=store, on_death=on_death)
        self._changed = self._thread.changed

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def assign(self, states: Mapping[Partition, WindowUpdate]) -> None:
        """Replace all partitions: this worker now owns these partitions and no others."""
        with self._changed:
            self._foreign = (self._foreign & states.keys()) | self._latest.assign(states)
            self._log.assigned()
            self._changed.notify()

    def publish(self, updates: Mapping[Partition, WindowUpdate]) -> None:
        """Replace the counts of these periods. Returns at once; the thread publishes the counts."""
        with self._changed:
            self._latest.publish(updates)
            self._changed.notify()

    def count_subjects(self, names: Collection[str]) -> None:
        """Store that these tweet topics, and no others, are counted from now on. Returns at once.

        An earlier time that Redis has stays.
        """
        self._subjects.count(names)
        with self._changed:
            self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """Publish what is not published yet, wait at most `timeout_s` seconds for Redis, and stop the thread."""
        self._thread.close(timeout_s)

    def _round(self) -> bool:
        """Wait until there is work, and do it; return False if this was the last time because the publisher closes."""
        closing = self._wait()
        started_s = time.monotonic()
        try:
            self._publish_once(closing=closing)
            self._log.succeeded()
            took_s = time.monotonic() - started_s
            self._next_round_s = started_s + max(time_limits.WINDOWS_PUSH.seconds, SHARE_OF_TIME * took_s)
        except (TransientError, FatalError) as error:  # FatalError: the checkpoint topic; the loop is to decide
            self._log.failed(error)
            if not closing:
                self._thread.pause_after_failure()
        return not closing

    def _wait(self) -> bool:
        """Wait for work whose time has come; return whether the publisher closes."""
        with self._changed:
            while not self._thread.closing:
                waiting = self._foreign or self._subjects.has_unstored or self._markers.incomplete
                busy = self._latest.has_unpushed or waiting
                pause_s = (self._next_round_s if busy else self._check_s) - time.monotonic()
                if pause_s <= 0:
                    break
                self._changed.wait(pause_s)
            return self._thread.closing

    def _publish_once(self, *, closing: bool) -> None:
        """Push what has changed, then some of the closed periods, and mark the partitions that are complete.

        A key that is no hash stops only what needs it; the error is raised at the end.
        """
        self._wrong_key = None
        self._look_at_markers(closing=closing)
        with self._noting_a_wrong_key():
            self._subjects.store()
        with self._changed:
            fences, taken = self._latest.take()
            doubtful = set(self._foreign)
        doubtful |= self._push(taken)
        completed: Collection[Partition] = ()
        if not closing:
            with self._noting_a_wrong_key():
                completed = self._push_closed()
        lost = self._markers.mark({p: fence for p, fence in fences.items() if p not in doubtful}, completed)
        self._start_again(lost)
        if not closing:
            with self._noting_a_wrong_key():
                self._subjects.look()
        if self._wrong_key is not None:
            raise self._wrong_key

    @contextmanager
    def _noting_a_wrong_key(self) -> Iterator[None]:
        try:
            yield
        except WrongKeyError as error:
            self._wrong_key = self._wrong_key or error

    def _look_at_markers(self, *, closing: bool) -> None:
        """Find the partitions whose periods Redis may lack: those of other owners, and those whose marker is lost."""
        with self._changed:
            foreign, self._foreign = self._foreign, set()
            fences = {partition: owned.fence for partition, owned in self._latest.owned.items()}
            reaches = {partition: owned.reach for partition, owned in self._latest.owned.items()}
        try:
            self._start_again(self._markers.assign(fences, foreign, reaches=reaches))
            if not closing and time.monotonic() >= self._check_s:
                self._start_again(self._markers.check())
                self._check_s = time.monotonic() + time_limits.REPUBLISH.seconds
                with self._changed:  # a server that failed over may lack the last pushes, and have their marker
                    self._latest.push_again(fences, all_periods=False)
        except BaseException:
            with self._changed:
                self._foreign |= foreign & self._latest.owned.keys()
            raise

    def _start_again(self, lost: Collection[Partition]) -> None:
        """Publish all periods of these partitions again."""
        if lost:
            log.info("publishing all minutes, hours and days of %d partitions: Redis may lack some", len(lost))
            with self._changed:
                self._latest.push_again(lost, all_periods=True)
            self._subjects.count_again()
        if self._markers.incomplete - (self._closed.partitions if self._closed else set()) or lost:
            self._closed = None

    def _push(self, taken: Mapping[Period, Mapping[Partition, tuple[Fence, Cells] | Contribution]]) -> set[Partition]:
        """Push each period once, with the contributions of all partitions; put back what could not be pushed.

        Return the partitions of which Redis has not everything.
        """
        remaining = dict(taken)
        refused: set[Partition] = set()
        try:
            for period, of_period in taken.items():
                sent = {
                    partition: each if isinstance(each, Contribution) else Contribution.of(*each)
                    for partition, each in of_period.items()
                }
                with self._noting_a_wrong_key():
                    refused |= self._publish_period(period, sent)
                    del remaining[period]
                with self._changed:
                    self._latest.compact(period, of_period, sent)
        finally:
            with self._changed:
                self._latest.put_back(remaining)
        self._log.pushed({partition for each in taken.values() for partition in each}, stale=refused)
        return refused.union(*remaining.values())

    def _push_closed(self) -> Collection[Partition]:
        """Push closed periods for half of a round, if partitions lack some; return the partitions that have all now."""
        if not self._markers.incomplete:
            self._closed = None
            return ()
        if self._closed is None:
            self._closed = ClosedPush(self._read_closed, self._markers.incomplete)
        until_s = time.monotonic() + time_limits.WINDOWS_PUSH.seconds / 2
        try:
            if not self._closed.step(self._push_one_closed, until_s=until_s, clock=time.monotonic):
                return ()
            self._store_subjects(self._closed)
        except WrongKeyError:  # the next step pushes the period again
            raise
        except (TransientError, FatalError):
            self._closed = None  # Redis may have lost what was pushed, and a reader that failed has no more periods
            raise
        done, self._closed = self._closed.partitions, None
        log.info("Redis has the closed minutes, hours and days of %d partitions", len(done))
        return done

    def _store_subjects(self, pushed: ClosedPush) -> None:
        """Store the tweet topics of all periods that were pushed again: Redis may have lost their list."""
        with self._changed:
            held = self._latest.held(pushed.partitions)
        for period, counts in held:
            subjects = counts.subjects() if isinstance(counts, Contribution) else {subject for subject, _ in counts[1]}
            pushed.first_periods.add(period, subjects)
        self._subjects.store_found(pushed.first_periods)

    def _push_one_closed(self, period: Period, counts: Mapping[Partition, str]) -> None:
        with self._changed:
            sent = {
                partition: Contribution(self._latest.owned[partition].fence, text)
                for partition, text in counts.items()
                if partition in self._latest.owned and not self._latest.holds(partition, period)
            }
        if sent:
            self._publish_period(period, sent)

    def _publish_period(self, period: Period, sent: Mapping[Partition, Contribution]) -> set[Partition]:
        """Return the partitions that Redis refuses."""
        try:
            outcomes = self._store.publish(period, sent)
        except TransientError:
            self._metrics.windows_published.labels("failed").inc(len(sent))
            raise
        for outcome in outcomes.values():
            if outcome != "known":
                self._metrics.windows_published.labels(outcome).inc()
        return {partition for partition, outcome in outcomes.items() if outcome == "stale"}
