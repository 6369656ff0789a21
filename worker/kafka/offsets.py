"""Look-ups of offsets for all partitions together: the number of requests does not grow with the partitions."""

from collections.abc import Collection, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from worker.time_limits import TimeLimit


def committed_offsets(
    consumer: KafkaConsumer, partitions: Collection[TopicPartition], limit: TimeLimit
) -> Mapping[TopicPartition, OffsetAndMetadata]:
    """Return the group's committed offset, with its metadata, of each partition that has a committed offset.

    Each of the two requests may take the whole `limit`. Raises the errors of kafka-python.
    """
    # KafkaConsumer.committed asks for one partition; the coordinator of the same consumer asks for all partitions in
    # one request, and with the isolation level read_committed the broker answers only when no transaction with offsets
    # of these partitions is pending. The admin client's list_group_offsets cannot ask for that.
    #
    # A look-up that timed out stays cached under the set of its partitions, and the next look-up of the same set, also
    # one inside poll(), gets the old answer. A successful look-up removes the entry of its set, and only this thread
    # adds entries. Therefore the second of two successful look-ups has certainly sent a request of its own. The cache
    # does not mix sets: a cached look-up of one partition never answers a look-up of several.
    fetch = consumer._coordinator.fetch_committed_offsets
    fetch(list(partitions), timeout_ms=limit.ms)
    found: Mapping[TopicPartition, OffsetAndMetadata] = fetch(list(partitions), timeout_ms=limit.ms)
    return found


def first_offsets(
    consumer: KafkaConsumer, partitions: Collection[TopicPartition], limit: TimeLimit
) -> Mapping[TopicPartition, int]:
    """Return the first offset of each partition, with one request for each broker."""
    return _looked_up(consumer.beginning_offsets, partitions, limit)


def end_offsets(
    consumer: KafkaConsumer, partitions: Collection[TopicPartition], limit: TimeLimit
) -> Mapping[TopicPartition, int]:
    """Return the end of each partition for readers of committed records, with one request for each broker."""
    return _looked_up(consumer.end_offsets, partitions, limit)


def position(consumer: KafkaConsumer, partition: TopicPartition) -> int | None:
    """Return the next offset to read; None if the partition is not assigned or has no position. Asks no broker.

    KafkaConsumer.position looks at all partitions in each call, and may send requests.
    """
    state = consumer._subscription.assignment.get(partition)
    return None if state is None or state.position is None else int(state.position.offset)


def topic_id(consumer: KafkaConsumer, topic: str) -> str:
    """Return the id of a topic at the last look-up of metadata; empty if the broker gives no ids. Asks no broker."""
    found = consumer._client.cluster.topic_id(topic)
    return "" if found is None else str(found)


def stable_ends(consumer: KafkaConsumer) -> Mapping[TopicPartition, int]:
    """Return the end of each partition for readers of committed records, which the client updates with each fetch.

    A broker sends this end, the last stable offset, with each fetch response, but the client keeps only the high
    watermark: records of open transactions, which no reader of committed records can read yet, are before it.
    """
    ends: dict[TopicPartition, int] = {}
    parse = consumer._fetcher._parse_fetched_data

    def parse_and_remember(fetched: Any) -> Any:
        end = fetched.partition_data.last_stable_offset
        if end >= 0:
            ends[fetched.topic_partition] = end
        return parse(fetched)

    consumer._fetcher._parse_fetched_data = parse_and_remember
    return ends


def _looked_up(look_up: Any, partitions: Collection[TopicPartition], limit: TimeLimit) -> Mapping[TopicPartition, int]:
    if not partitions:
        return {}
    found: Mapping[TopicPartition, int] = look_up(list(partitions), timeout_ms=limit.ms)
    return found
