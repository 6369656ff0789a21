"""The consumer of the input topic: records, group membership, and committed offsets."""

import logging
import time
from collections.abc import Collection, Mapping
from typing import Final

from kafka import TopicPartition, errors
from kafka.structs import MemberState, OffsetAndMetadata

from tweets.records import Partition, Record
from worker import time_limits
from worker.errors import ExitCode, FatalError
from worker.kafka.assignor import CompleteAssignor
from worker.kafka.client import Consumer, consumer_arguments, silent_client
from worker.kafka.decompression import ExpandedBatchError
from worker.kafka.hanging_joins import HangingJoins
from worker.kafka.offsets import committed_offsets, end_offsets, first_offsets, position, stable_ends, topic_id
from worker.kafka.record_reader import read_records
from worker.kafka.turns import Turns
from worker.membership import CommittedOffset, Membership, PolledRecords, StoredState
from worker.settings import Settings

log = logging.getLogger(__name__)

SKIPPED_AT_ONCE: Final = 1_000
"""Dead letters for a batch that cannot be read, in one poll: a batch may have millions of tiny records."""

POLLS_WITHOUT_POSITION: Final = 20
"""Polls in a row without a position before the worker restores again: joining a group takes a few such polls."""


class TweetConsumer:
    """A member of the consumer group. Methods raise the errors of kafka-python."""

    def __init__(self, settings: Settings) -> None:
        self._heartbeat_interval = time_limits.heartbeat_interval(settings)
        self._topic = settings.kafka_input_topic
        self._unreadable_once: tuple[TopicPartition, int | None] | None = None
        self._polls_without_position = 0
        self._assignor = CompleteAssignor(self._owned)
        self._consumer = Consumer(
            settings.kafka_input_topic,
            # The policy `earliest` would move a position that the broker refuses to the first record: deleted records
            # would be skipped without a word, and records before a position beyond the end be processed twice.
            **(consumer_arguments(settings) | {"auto_offset_reset": "none"}),
            group_id=settings.kafka_group_id,
            group_instance_id=settings.worker_id,
            client_id=f"emotion-worker-{settings.worker_id or 'dynamic'}",
            session_timeout_ms=settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=self._heartbeat_interval.ms,
            max_poll_interval_ms=time_limits.MAX_POLL_INTERVAL.ms,
            partition_assignment_strategy=(self._assignor,),
        )
        read_records(self._consumer)
        self._turns = Turns(self._consumer)
        self._hanging_joins = HangingJoins(self._consumer._coordinator)
        self._ends = stable_ends(self._consumer)

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        """Return records, and the membership right after the poll; later it may belong to another generation.

        Raises FencedInstanceIdError if another member has started with the same WORKER_ID.
        """
        records = self._fetched(timeout_s * 1000, max_records)
        self._finish_joining()
        self._hanging_joins.end()
        self._complete_assignment()
        self._check_not_fenced()
        member = self._consumer.group_metadata()
        owned = {Partition(each.topic, each.partition): each for each in self._owned()}
        positions = ((partition, position(self._consumer, each)) for partition, each in owned.items())
        return PolledRecords(
            records,
            Membership(frozenset(owned), int(member.generation_id), member.member_id, member),
            {partition: read_to for partition, read_to in positions if read_to is not None},
        )

    def stored(self, partitions: Collection[Partition]) -> dict[Partition, StoredState]:
        """Return the first offset and the committed offset, if there is one, of each partition."""
        limit = time_limits.OFFSET_LOOKUP
        asked = {TopicPartition(*partition): partition for partition in partitions}
        committed = committed_offsets(self._consumer, asked, limit)
        first = first_offsets(self._consumer, asked, limit)
        return {
            partition: StoredState(first[each], _committed(committed.get(each)), self.topic_id())
            for each, partition in asked.items()
        }

    def ends(self, topic: str, numbers: Collection[int]) -> dict[int, int]:
        """Return the end offset of these partitions of another topic."""
        asked = [TopicPartition(topic, number) for number in numbers]
        return {
            each.partition: end for each, end in end_offsets(self._consumer, asked, time_limits.OFFSET_LOOKUP).items()
        }

    def topic_id(self) -> str:
        """Return the id of the input topic at the last look-up of metadata; empty if the broker gives no ids."""
        return topic_id(self._consumer, self._topic)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read this partition from `offset` on."""
        self._consumer.seek(TopicPartition(*partition), offset)

    def lag(self, partition: Partition, offset: int) -> int | None:
        """Return the offsets from `offset` to the end of what is committed, at the last fetch; None before the first.

        Records that are fetched and not labelled yet count. Transaction markers count until the loop commits the offset
        after them.
        """
        topic_partition = TopicPartition(*partition)
        end, read_to = self._ends.get(topic_partition), position(self._consumer, topic_partition)
        return None if end is None or read_to is None else max(0, end - offset)

    def silent_s(self) -> float:
        """Return the seconds since a broker last answered this consumer.

        A consumer without partitions or without records gets an answer to each look-up of metadata, and to heartbeats.
        """
        return float(self._consumer._client.silent_s())

    def check_fenced_after_heartbeat(self) -> None:
        """Wait for a heartbeat. Raises FencedInstanceIdError if another member has the same WORKER_ID."""
        time.sleep(self._heartbeat_interval.seconds + time_limits.HEARTBEAT_MARGIN.seconds)
        self._fetched(0, 1)  # the records are dropped: the caller restores
        self._check_not_fenced()

    def close(self) -> None:
        """Close the consumer; a member without a WORKER_ID leaves the group. Raises nothing."""
        try:
            with silent_client():
                self._consumer.close(autocommit=False, timeout_ms=time_limits.CLOSE.ms)
        except Exception as error:
            log.warning("the Kafka consumer did not close cleanly: %s", error)

    def _fetched(self, timeout_ms: float, max_records: int) -> list[Record]:
        """Return the records of one poll of the client.

        Raises OffsetOutOfRangeError if Kafka has deleted the next record: a restore skips to the first record. Raises
        FatalError if the next offset is beyond the end of the partition.
        """
        try:
            polled = self._turns.poll(timeout_ms, max_records)
            records = [record for of_partition in polled.values() for record in of_partition]
        except errors.NoOffsetForPartitionError:
            # Without a reset policy the client raises this for a new partition of this member, until the caller has
            # restored the partition. A client that lost a position later must be restored as well.
            self._polls_without_position += 1
            if self._polls_without_position % POLLS_WITHOUT_POSITION == 0:
                raise
            return []
        except errors.OffsetOutOfRangeError as error:
            self._leave_refused_offsets(error.args[0])
            raise
        except errors.LogTruncationError as error:
            for partition in error.divergent_offsets:  # without the epoch of the position, the next poll can fetch
                self._consumer.seek(partition, position(self._consumer, partition) or 0)
            raise
        except Exception as error:
            records = self._skip_unreadable(error)
        self._polls_without_position = 0
        return records

    def _leave_refused_offsets(self, refused: Mapping[TopicPartition, int]) -> None:
        """Seek to the first record where a broker refused an offset; otherwise every later poll would fail as well.

        The client itself seeks to the committed offset of a new partition, before the caller can restore the partition.
        Raises FatalError if a refused offset is not before the first record, but beyond the end.
        """
        first = first_offsets(self._consumer, refused, time_limits.OFFSET_LOOKUP)
        for partition, offset in refused.items():
            if offset >= first[partition]:
                raise FatalError(
                    f"{Partition(*partition)}@{offset}: the next offset of the group is beyond the end of the "
                    "partition: the topic was deleted and created again, or lost records in an unclean leader "
                    "election; stop all workers, decide where to continue, and set the offset with "
                    "kafka-consumer-groups --reset-offsets",
                    ExitCode.STATE,
                )
            self._consumer.seek(partition, first[partition])

    def _finish_joining(self) -> None:
        """Let a join that is under way complete: kafka-python discards a join that completes between two polls.

        The client would then join again, and the group would rebalance without end.
        """
        coordinator = self._consumer._coordinator
        if coordinator.rejoining:
            coordinator.poll(timeout_ms=time_limits.FINISH_JOIN.ms)

    def _owned(self) -> set[TopicPartition]:
        owned: set[TopicPartition] = self._consumer.assignment()
        return owned

    def _complete_assignment(self) -> None:
        """Join again if partitions that this member, as the leader, left unassigned still have no owner."""
        if self._assignor.is_overdue():
            log.warning("joining the group again: partitions that should have moved have no owner")
            self._consumer._coordinator.request_rejoin()

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
        if isinstance(error, ExpandedBatchError) and offset is not None:
            return self._skip_batch(topic_partition, offset, error)
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

    def _skip_batch(self, topic_partition: TopicPartition, offset: int, error: ExpandedBatchError) -> list[Record]:
        """Skip records of a batch that expands too far, from `offset` on; return them as unreadable.

        A long batch takes several calls, so that not all of its dead letters are in memory at once.
        """
        offsets = [each for each in error.offsets or () if each >= offset][:SKIPPED_AT_ONCE] or [offset]
        partition = Partition(topic_partition.topic, topic_partition.partition)
        log.warning(
            "%s: the record batch from offset %d to %d %s: writing %d dead letters from offset %d on",
            partition,
            error.first,
            error.last,
            error.reason,
            len(offsets),
            offsets[0],
        )
        self._consumer.seek(topic_partition, offsets[-1] + 1)
        now_ms = int(time.time() * 1000)
        return [Record(partition, each, now_ms, None, None, unreadable=f"its batch {error.reason}") for each in offsets]


def _committed(found: OffsetAndMetadata | None) -> CommittedOffset | None:
    return None if found is None else CommittedOffset(found.offset, found.metadata or "")
