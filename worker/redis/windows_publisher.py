"""Publishes minutes, hours and days to Redis, in a thread of its own."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker import time_limits
from worker.errors import FatalError, TransientError
from worker.process.metrics import Metrics
from worker.redis.closed_push import ClosedPush, ReadClosed
from worker.redis.contributions import Contribution, Fence
from worker.redis.latest_periods import LatestPeriods
from worker.redis.published_markers import PublishedMarkers
from worker.redis.window_store import WindowStore
from worker.windows import WindowUpdate

log = logging.getLogger(__name__)

REFUSALS_BEFORE_ERROR: Final = 3
"""Rounds in a row in which Redis refuses a partition before an error is logged; a rebalance causes one or two."""

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
        self._on_death = on_death
        self._read_closed = read_closed
        self._latest = LatestPeriods(late_ms)
        self._markers = PublishedMarkers(store)
        self._closed: ClosedPush | None = None
        self._since: dict[str, int] = {}
        self._uncounted: set[str] = set()
        self._foreign: set[Partition] = set()
        self._refusals_in_a_row: Counter[Partition] = Counter()
        self._failures: set[str] = set()
        self._closing = False
        self._next_round_s = self._check_s = time.monotonic()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="windows-publisher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def assign(self, states: Mapping[Partition, WindowUpdate]) -> None:
        """Replace all partitions: this worker now owns these partitions and no others."""
        with self._changed:
            self._foreign = (self._foreign & states.keys()) | self._latest.assign(states)
            self._refusals_in_a_row.clear()
            self._changed.notify()

    def publish(self, updates: Mapping[Partition, WindowUpdate]) -> None:
        """Replace the counts of these periods. Returns at once; the thread publishes the counts."""
        with self._changed:
            self._latest.publish(updates)
            self._changed.notify()

    def count_subjects(self, names: Collection[str]) -> None:
        """Store that these tweet topics are counted from now on, unless Redis has an earlier time. Returns at once."""
        now_s = int(time.time())
        with self._changed:
            for name in names:
                self._since.setdefault(name, now_s)
            self._uncounted.update(names)
            self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """Publish what is not published yet, wait at most `timeout_s` seconds for Redis, and stop the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if not self._thread.is_alive():  # else the thread still waits for Redis, and ends with the process
            self._store.close()

    def _run(self) -> None:
        try:
            while self._round():
                pass
        except BaseException as error:
            self._on_death(error)

    def _round(self) -> bool:
        """Wait until there is work, and do it; return False if this was the last time because the publisher closes."""
        closing = self._wait()
        started_s = time.monotonic()
        try:
            self._publish_once(closing=closing)
            self._report_success()
            took_s = time.monotonic() - started_s
            self._next_round_s = started_s + max(time_limits.WINDOWS_PUSH.seconds, SHARE_OF_TIME * took_s)
        except (TransientError, FatalError) as error:  # FatalError: the checkpoint topic; the loop is to decide
            self._report_failure(error)
            if not closing:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, timeout=time_limits.REDIS_RETRY_PAUSE.seconds)
        return not closing

    def _wait(self) -> bool:
        """Wait for work whose time has come; return whether the publisher closes."""
        with self._changed:
            while not self._closing:
                busy = self._latest.has_unpushed or self._foreign or self._uncounted or self._markers.incomplete
                pause_s = (self._next_round_s if busy else self._check_s) - time.monotonic()
                if pause_s <= 0:
                    break
                self._changed.wait(pause_s)
            return self._closing

    def _publish_once(self, *, closing: bool) -> None:
        """Push what has changed, then some of the closed periods, and mark the partitions that are complete."""
        self._look_at_markers(closing=closing)
        self._count_subjects()
        with self._changed:
            fences, taken = self._latest.take()
            doubtful = set(self._foreign)
        doubtful |= self._push(taken)
        if not closing:
            self._push_closed()
        lost = self._markers.mark({p: fence for p, fence in fences.items() if p not in doubtful})
        self._start_again(lost)

    def _look_at_markers(self, *, closing: bool) -> None:
        """Find the partitions whose periods Redis may lack: those of other owners, and those whose marker is lost."""
        with self._changed:
            foreign, self._foreign = self._foreign, set()
            fences = {partition: owned.fence for partition, owned in self._latest.owned.items()}
        try:
            lost = self._markers.assign(fences, foreign)
            if not closing and time.monotonic() >= self._check_s:
                lost |= self._markers.check()
                self._check_s = time.monotonic() + time_limits.REPUBLISH.seconds
                with self._changed:  # a server that failed over may lack the last pushes, and have their marker
                    self._latest.push_again(fences, all_periods=False)
        except BaseException:
            with self._changed:
                self._foreign |= foreign & self._latest.owned.keys()
            raise
        self._start_again(lost)

    def _start_again(self, lost: Collection[Partition]) -> None:
        """Publish all periods of these partitions again."""
        if lost:
            log.info("publishing all minutes, hours and days of %d partitions: Redis may lack some", len(lost))
            with self._changed:
                self._latest.push_again(lost, all_periods=True)
                self._uncounted.update(self._since)
        if self._markers.incomplete - (self._closed.partitions if self._closed else set()) or lost:
            self._closed = None

    def _count_subjects(self) -> None:
        with self._changed:
            asked = {name: self._since[name] for name in self._uncounted}
        found = self._store.count_subjects(asked)
        with self._changed:
            self._since.update(found)
            self._uncounted -= found.keys()

    def _push(self, taken: Mapping[Period, Mapping[Partition, tuple[Fence, Cells] | Contribution]]) -> set[Partition]:
        """Push each period once, with the contributions of all partitions; put back what could not be pushed.

        Return the partitions that Redis refuses.
        """
        remaining = dict(taken)
        refused: set[Partition] = set()
        try:
            for period, of_period in taken.items():
                sent = {
                    partition: each if isinstance(each, Contribution) else Contribution.of(*each)
                    for partition, each in of_period.items()
                }
                refused |= self._publish_period(period, sent)
                del remaining[period]
                with self._changed:
                    self._latest.compact(period, of_period, sent)
        finally:
            with self._changed:
                self._latest.put_back(remaining)
        self._report_refusals({partition for each in taken.values() for partition in each}, refused)
        return refused

    def _push_closed(self) -> None:
        """Push closed periods for half of a round, if partitions lack some."""
        if not self._markers.incomplete:
            self._closed = None
            return
        if self._closed is None:
            self._closed = ClosedPush(self._read_closed, self._markers.incomplete)
        until_s = time.monotonic() + time_limits.WINDOWS_PUSH.seconds / 2
        try:
            done = self._closed.step(self._push_one_closed, until_s=until_s, clock=time.monotonic)
        except (TransientError, FatalError):
            self._closed = None  # Redis may have lost what was pushed, and a reader that failed has no more periods
            raise
        if done:
            log.info("Redis has the closed minutes, hours and days of %d partitions", len(self._closed.partitions))
            self._markers.complete(self._closed.partitions)
            self._closed = None

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

    def _report_refusals(self, pushed: Collection[Partition], refused: Collection[Partition]) -> None:
        for partition in pushed:
            with self._changed:
                count = self._refusals_in_a_row[partition] + 1 if partition in refused else 0
                self._refusals_in_a_row[partition] = count
            if count == REFUSALS_BEFORE_ERROR:
                log.error(
                    "Redis keeps refusing minutes, hours and days of %s as older than what the keys "
                    "REDIS_KEY_PREFIX:windows:* have; if no other worker owns this partition (was the group deleted?), "
                    "run: python -m worker verify --repair",
                    partition,
                )

    def _report_success(self) -> None:
        if self._failures:
            log.info("Redis answers again: publishing minutes, hours and days")
            self._failures.clear()

    def _report_failure(self, error: TransientError | FatalError) -> None:
        if str(error) not in self._failures:  # each reason once, until a round succeeds
            log.warning(
                "minutes, hours and days cannot be published to Redis (%s): classifying continues, publishing is "
                "retried",
                error,
            )
            self._failures.add(str(error))
