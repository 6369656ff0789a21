"""export-state and import-state: the position and the counts of every partition, as a JSON file, to another cluster."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any, Final, Literal

from kafka import TopicPartition
from kafka.errors import KafkaError

from tweets.records import Partition
from worker import checkpoint, time_limits
from worker.counts import CommittedCounts
from worker.errors import ExitCode, FatalError
from worker.kafka.client import Consumer, consumer_arguments
from worker.kafka.committed import CommittedReader
from worker.kafka.errors import translated
from worker.kafka.offsets import end_offsets, first_offsets
from worker.kafka.producer import ResultProducer
from worker.kafka.topics import DEFAULT_MAX_MESSAGE_BYTES
from worker.settings import Settings

Position = Literal["stored", "first", "end"]
"""Where an imported partition continues: at its offset in the file, at the first record, or at the end."""

_VERSION: Final = 1
"""Version of the file; import-state refuses another one."""


def export_state(settings: Settings) -> dict[str, Any]:
    """Return, JSON-ready, the committed state of every partition, or that of the checkpoint topic.

    Raises FatalError or TransientError if Kafka cannot be read.
    """
    with CommittedReader(settings) as reader:
        states = reader.states()
    return {
        "v": _VERSION,
        "group": settings.kafka_group_id,
        "topic": settings.kafka_input_topic,
        "partitions": [
            {"partition": partition.number, **checkpoint.to_fields(state)} for partition, state in states.items()
        ],
    }


def import_state(settings: Settings, text: str, position: Position, *, replaces: bool = False) -> Iterator[str]:
    """Write the states of a file to the checkpoint topic, and yield one line for each partition afterwards.

    A worker that starts reads these states, because the group has no committed offsets. Raises FatalError, and writes
    nothing, if the file is not one of export-state, an offset lies beyond the end of the partition, or a partition does
    not exist, already has a committed offset or, unless `replaces`, counts on the checkpoint topic.
    """
    states = _states(text, settings.kafka_input_topic)
    with CommittedReader(settings) as reader:
        _require_free(reader, states, replaces=replaces)
    try:
        moved = _moved(settings, states, position)
        _write(settings, moved)
    except (KafkaError, KeyError, TypeError, ValueError) as error:  # also of a connection that closes meanwhile
        raise translated(error, settings.kafka_bootstrap_servers) from error
    for partition, state in moved.items():
        yield f"{partition}: offset {state.offset}, {sum(state.counts.totals.values())} tweets"


def _write(settings: Settings, states: Mapping[Partition, CommittedCounts]) -> None:
    """Write all states in one transaction. Raises the errors of kafka-python."""
    producer = ResultProducer(
        settings,
        transactional_id=f"{settings.kafka_group_id}::{uuid.uuid4().hex}",
        max_record_bytes=DEFAULT_MAX_MESSAGE_BYTES,
    )
    try:
        producer.begin()
        topic, group = settings.kafka_checkpoint_topic, settings.kafka_group_id
        producer.send([checkpoint.encode(topic, group, partition, state) for partition, state in states.items()])
        producer.commit_records()
    finally:
        producer.close()


def _states(text: str, topic: str) -> dict[Partition, CommittedCounts]:
    """Return the states in the file. Raises FatalError with one line."""
    try:
        fields = json.loads(text)
        if fields["v"] != _VERSION:
            raise _refused(f"its version is {ascii(fields['v'])[:20]}, this release reads {_VERSION}")
        listed = [(each["partition"], checkpoint.from_fields(each)) for each in fields["partitions"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _refused("it is not the JSON that export-state prints") from None
    states: dict[Partition, CommittedCounts] = {}
    for number, state in listed:
        if type(number) is not int or number < 0 or state is None or Partition(topic, number) in states:
            raise _refused(f"the entry of partition {ascii(number)[:20]} is not one that export-state prints")
        states[Partition(topic, number)] = state
    if not states:
        raise _refused("it has no partitions")
    return states


def _require_free(reader: CommittedReader, states: Mapping[Partition, CommittedCounts], *, replaces: bool) -> None:
    existing = reader.input_partitions()
    for partition in states:
        if partition not in existing:
            raise FatalError(f"{partition} does not exist: create the topic with as many partitions", ExitCode.STATE)
    for partition, found in reader.committed().items():
        if partition in states:
            raise FatalError(
                f"{partition}@{found.offset}: the group has a committed offset, which a worker would prefer to an "
                "imported state: use a new KAFKA_GROUP_ID, or delete the offsets with kafka-consumer-groups --delete",
                ExitCode.STATE,
            )
    copies = {} if replaces else reader.checkpoints(states)
    for partition, copy in copies.items():
        if counted := sum(copy.counts.totals.values()):
            raise FatalError(
                f"{partition}: the checkpoint topic already has {counted} tweets up to offset {copy.offset}, which a "
                "worker restores; give --replace to replace them",
                ExitCode.STATE,
            )


def _moved(
    settings: Settings, states: Mapping[Partition, CommittedCounts], position: Position
) -> dict[Partition, CommittedCounts]:
    """Return the states with their offset in this cluster, and without the id of the exported topic."""
    asked = {partition: TopicPartition(*partition) for partition in states}
    with closing(Consumer(**consumer_arguments(settings), group_id=None)) as consumer:
        first = first_offsets(consumer, list(asked.values()), time_limits.VERIFY_LOOKUP)
        ends = end_offsets(consumer, list(asked.values()), time_limits.VERIFY_LOOKUP)
    moved: dict[Partition, CommittedCounts] = {}
    for partition, state in states.items():
        offset = {"stored": state.offset, "first": first[asked[partition]], "end": ends[asked[partition]]}[position]
        if offset > ends[asked[partition]]:
            raise FatalError(
                f"{partition}: the offset {offset} of the file is beyond the end {ends[asked[partition]]}: this topic "
                "has other offsets than the exported one; give --position first or end",
                ExitCode.STATE,
            )
        moved[partition] = replace(state, offset=offset, counts=replace(state.counts, topic_id=""))
    return moved


def _refused(why: str) -> FatalError:
    return FatalError(f"the state to import cannot be used: {why}", ExitCode.SETTINGS)
