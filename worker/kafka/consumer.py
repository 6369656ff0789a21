"""The consumer of the input topic: records, group membership, and committed offsets."""

import logging
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from kafka import KafkaConsumer, TopicPartition, errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import MemberState

from tweets.records import Partition, Record
from worker import time_limits
from worker.kafka.client import consumer_arguments, silent_client
from worker.kafka.offsets import committed_offsets, first_offsets, position
from worker.membership import CommittedOffset, Membership, PolledRecords
from worker.settings import Settings

log = logging.getLogger(__name__)


class TweetConsumer:
    """A member of the consumer group. Methods raise the errors of kafka-python."""

    def __init__(self, settings: Settings) -> None:
        self._heartbeat_interval = time_limits.heartbeat_interval(settings)
        self._unreadable_once: tuple[TopicPartition, int | None] | None = None
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
        """Return records, and the membership right after the poll; later it may belong to another generation.

        Raises FencedInstanceIdError if another member has started with the same WORKER_ID.
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

    def committed(self, partitions: Collection[Partition]) -> dict[Partition, CommittedOffset]:
        """Return the committed offset of the group, or the first offset of a partition if there is none."""
        limit = time_limits.OFFSET_LOOKUP
        asked = {TopicPartition(*partition): partition for partition in partitions}
        committed = committed_offsets(self._consumer, asked, limit)
        first = first_offsets(self._consumer, [each for each in asked if each not in committed], limit)
        return {
            partition: CommittedOffset(committed[each].offset, committed[each].metadata or "")
            if each in committed
            else CommittedOffset(first[each], None)
            for each, partition in asked.items()
        }

    def seek(self, partition: Partition, offset: int) -> None:
        """Read this partition from `offset` on."""
        self._consumer.seek(TopicPartition(*partition), offset)

    def lag(self, partition: Partition, offset: int) -> int | None:
        """Return the records from `offset` to the end of the partition at the last fetch; None before the first."""
        topic_partition = TopicPartition(*partition)
        with suppress(ValueError, TypeError, KeyError, errors.KafkaError):  # for example, just revoked
            end: int | None = self._consumer.highwater(topic_partition)
            # Transaction markers at the end of the partition are not records, and the client's position is past them.
            read = position(self._consumer, topic_partition) or offset
            return None if end is None else max(0, end - max(offset, read))
        return None

    def check_fenced_after_heartbeat(self) -> None:
        """Wait for a heartbeat. Raises FencedInstanceIdError if another member has the same WORKER_ID."""
        time.sleep(self._heartbeat_interval.seconds + time_limits.HEARTBEAT_MARGIN.seconds)
        try:
            self._consumer.poll(timeout_ms=0, max_records=1)  # the records are dropped: the caller restores
        except Exception as error:
            self._skip_unreadable(error)
        self._check_not_fenced()

    def close(self) -> None:
        """Close the consumer; a member without a WORKER_ID leaves the group. Raises nothing."""
        try:
            with silent_client():
                self._consumer.close(autocommit=False, timeout_ms=time_limits.CLOSE.ms)
        except Exception as error:
            log.warning("the Kafka consumer did not close cleanly: %s", error)

    def _finish_joining(self) -> None:
        """Let a join that is under way complete: kafka-python discards a join that completes between two polls.

        The client would then join again, and the group would rebalance without end.
        """
        coordinator = self._consumer._coordinator
        if coordinator.rejoining:
            coordinator.poll(timeout_ms=time_limits.FINISH_JOIN.ms)

    def _check_not_fenced(self) -> None:
        """Raise FencedInstanceIdError if another member has the same WORKER_ID.

        kafka-python then only stops the heartbeat and raises nothing.
        """
        coordinator = self._consumer._coordinator
        with coordinator._lock:
            stable = coordinator.state is MemberState.STABLE and not coordinator.rejoining
            if stable and not coordinator._heartbeat_enabled:
                raise errors.FencedInstanceIdError

    def _skip_unreadable(self, error: Exception) -> list[Record]:
        """Skip a record that the client could not read twice; return the record as unreadable, for a dead letter.

        Without draining and seeking, every later poll would return no record. Raises `error` if it may have another
        cause than the record.
        """
        parsing = self._consumer._fetcher._next_partition_records
        other_cause = isinstance(error, errors.KafkaError) and not isinstance(error, errors.CorruptRecordError)
        if other_cause or not parsing:
            raise error
        topic_partition = parsing.topic_partition
        offset = self._consumer.position(topic_partition, timeout_ms=time_limits.OFFSET_LOOKUP.ms)
        parsing.drain()
        if offset is None or self._unreadable_once != (topic_partition, offset):
            self._unreadable_once = (topic_partition, offset)
            if isinstance(error, errors.CorruptRecordError):
                return []
            raise error  # the record may not be the cause, and draining dropped others: a restore reads all again
        partition = Partition(topic_partition.topic, topic_partition.partition)
        name = type(error).__name__
        log.warning("%s@%d: kafka-python cannot read the record (%s): writing a dead letter", partition, offset, name)
        self._consumer.seek(topic_partition, offset + 1)
        now_ms = int(time.time() * 1000)
        return [Record(partition, offset, now_ms, None, None, unreadable=name)]


def _record(fetched: Any) -> Record:
    return Record(
        partition=Partition(fetched.topic, fetched.partition),
        offset=fetched.offset,
        timestamp_ms=fetched.timestamp,
        key=fetched.key,
        value=fetched.value,
        headers=fetched.headers,
    )
