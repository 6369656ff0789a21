"""The consuming end of the stream: records, who owns them, and where each partition is committed."""

import logging
import time
from contextlib import suppress
from typing import Any

from kafka import KafkaConsumer, TopicPartition, errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import MemberState

from tweets.records import Partition, Record
from worker import time_limits
from worker.kafka.client import consumer_arguments, silent_client
from worker.membership import CommittedOffset, Membership, PolledRecords
from worker.settings import Settings

log = logging.getLogger(__name__)


class TweetConsumer:
    """A member of the group. Methods raise what the client raises."""

    def __init__(self, settings: Settings) -> None:
        self._heartbeat_interval = time_limits.heartbeat_interval(settings)
        self._suspect: tuple[TopicPartition, int | None] | None = None
        self._consumer = KafkaConsumer(
            settings.kafka_input_topic,
            **consumer_arguments(settings),
            group_id=settings.kafka_group_id,
            group_instance_id=settings.worker_id,
            client_id=f"emotion-worker-{settings.worker_id or 'dynamic'}",
            session_timeout_ms=settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=self._heartbeat_interval.ms,
            max_poll_interval_ms=time_limits.MAX_POLL_INTERVAL.ms,
            partition_assignment_strategy=(CooperativeStickyAssignor,),
        )

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        """Records, and the ownership right after: metadata fetched later may belong to another generation.

        Raises FencedInstanceIdError if another member has taken our place.
        """
        try:
            polled = self._consumer.poll(timeout_ms=timeout_s * 1000, max_records=max_records)
            records = [_record(fetched) for batch in polled.values() for fetched in batch]
        except Exception as error:
            records = self._skip_unreadable(error)
        self._finish_joining()
        self._check_not_fenced()
        member = self._consumer.group_metadata()
        owned = frozenset(Partition(each.topic, each.partition) for each in self._consumer.assignment())
        return PolledRecords(records, Membership(owned, int(member.generation_id), member.member_id, member))

    def position(self, partition: Partition) -> CommittedOffset:
        """Where the group has committed; the partition's beginning if it never has."""
        theirs = TopicPartition(*partition)
        # A look-up that timed out stays cached, and the next call returns its old answer: only an answer that follows
        # another one is sure to be new.
        self._consumer.committed(theirs, metadata=True, timeout_ms=time_limits.OFFSET_LOOKUP.ms)
        committed = self._consumer.committed(theirs, metadata=True, timeout_ms=time_limits.OFFSET_LOOKUP.ms)
        if committed is not None and committed.offset >= 0:
            return CommittedOffset(committed.offset, committed.metadata or "")
        beginning = self._consumer.beginning_offsets([theirs], timeout_ms=time_limits.OFFSET_LOOKUP.ms)
        return CommittedOffset(int(beginning[theirs]), None)

    def seek(self, partition: Partition, offset: int) -> None:
        """Goes on from there."""
        self._consumer.seek(TopicPartition(*partition), offset)

    def lag(self, partition: Partition, offset: int) -> int | None:
        """Records from `offset` to the partition's end as of the last fetch; None before the first."""
        theirs = TopicPartition(*partition)
        with suppress(ValueError, TypeError, KeyError, errors.KafkaError):  # just revoked, say
            end: int | None = self._consumer.highwater(theirs)
            # Markers of other people's transactions are no records; the client's position has gone past them.
            read = self._consumer.position(theirs, timeout_ms=0) or offset
            return None if end is None else max(0, end - max(offset, read))
        return None

    def check_fenced_after_heartbeat(self) -> None:
        """Waits for a heartbeat. Raises FencedInstanceIdError if it says that another member has taken our place."""
        time.sleep(self._heartbeat_interval.seconds + time_limits.HEARTBEAT_MARGIN.seconds)
        try:
            self._consumer.poll(timeout_ms=0, max_records=1)  # dropped: the caller restores
        except Exception as error:
            self._skip_unreadable(error)
        self._check_not_fenced()

    def close(self) -> None:
        """Leaves the group, unless as a static member. Raises nothing."""
        try:
            with silent_client():
                self._consumer.close(autocommit=False, timeout_ms=time_limits.CLOSE.ms)
        except Exception as error:
            log.warning("the consumer did not close cleanly: %s", error)

    def _finish_joining(self) -> None:
        """The client throws away a join that ends between two polls, and joins again: a group would never settle."""
        coordinator = self._consumer._coordinator
        if coordinator.rejoining:
            coordinator.poll(timeout_ms=time_limits.FINISH_JOIN.ms)

    def _check_not_fenced(self) -> None:
        """The client only stops its heartbeat when another member takes our place, and tells nobody."""
        coordinator = self._consumer._coordinator
        with coordinator._lock:
            stable = coordinator.state is MemberState.STABLE and not coordinator.rejoining
            if stable and not coordinator._heartbeat_enabled:
                raise errors.FencedInstanceIdError

    def _skip_unreadable(self, error: Exception) -> list[Record]:
        """Steps over a record that the client cannot read, if it cannot read it the second time either.

        Without draining and seeking every later poll would find nothing, for ever.
        """
        parsing = self._consumer._fetcher._next_partition_records
        foreign = isinstance(error, errors.KafkaError) and not isinstance(error, errors.CorruptRecordError)
        if foreign or not parsing:
            raise error
        theirs = parsing.topic_partition
        offset = self._consumer.position(theirs, timeout_ms=time_limits.OFFSET_LOOKUP.ms)
        parsing.drain()
        if offset is None or self._suspect != (theirs, offset):
            self._suspect = (theirs, offset)
            if isinstance(error, errors.CorruptRecordError):
                return []
            raise error  # it may not come from the record at all; then other records are lost without a restore
        partition = Partition(theirs.topic, theirs.partition)
        log.warning("%s@%d cannot be read (%s)", partition, offset, type(error).__name__)
        self._consumer.seek(theirs, offset + 1)
        now_ms = int(time.time() * 1000)
        return [Record(partition, offset, now_ms, None, None, unreadable=type(error).__name__)]


def _record(fetched: Any) -> Record:
    return Record(
        partition=Partition(fetched.topic, fetched.partition),
        offset=fetched.offset,
        timestamp_ms=fetched.timestamp,
        key=fetched.key,
        value=fetched.value,
        headers=fetched.headers,
    )
