"""What people, tools and retention do to topics and offsets behind the workers' backs."""

from typing import Final

from tests.simulator.broker import Broker
from tests.simulator.surroundings import Surroundings
from tweets.records import Partition
from worker.counts import OFFSET_METADATA_MAX_BYTES, RunningCounts

SMALL_RECORD_BYTES: Final = 1_200
"""A size limit that every dead letter fits into once a worker has started with this limit."""

_MOST_DELETED: Final = 6
"""Offsets that one deletion removes at most: most records of a partition are left."""

_FOREIGN_LABELS: Final = 12
"""Labels of an earlier model: enough for metadata that the labels of the present model do not fit into."""


def act(world: Surroundings) -> None:
    """Move or lose offsets of a group without members and without open transactions."""
    broker, rng = world.broker, world.rng
    committed = [partition for partition in sorted(broker.committed) if rng.random() < 0.5]
    match rng.choice(["move", "lose", "lose all"]):
        case "move":
            for partition in committed:
                _move(world, partition)
        case "lose":  # kafka-consumer-groups --delete-offsets
            broker.lose_offsets(committed)
            world.happened["lose offsets"] += bool(committed)
        case _:  # the offsets of the group have expired, or --delete
            broker.lose_offsets(list(broker.committed))
            world.happened["lose all offsets"] += 1


def _move(world: Surroundings, partition: Partition) -> None:
    log, at = world.broker.inputs[partition], world.broker.committed[partition].offset
    to = world.rng.choice([at, world.rng.randint(log.first, log.end)])
    world.broker.move(partition, to)
    direction = "metadata lost" if to == at else "moved back" if to < at else "moved forward"
    world.happened[f"offset, {direction}"] += 1


def delete_records(world: Surroundings) -> None:
    """Delete the first records of a partition, also records that no worker has read."""
    partition = _committed_partition(world)
    if partition is not None:
        log = world.broker.inputs[partition]
        log.first = min(log.end, log.first + world.rng.randint(1, _MOST_DELETED))
        world.happened["records deleted"] += 1


def lower_the_size_limit(world: Surroundings) -> None:
    """Lower the size limit of the output topics, which running workers have read when they started."""
    world.broker.max_record_bytes = SMALL_RECORD_BYTES


def leave_an_earlier_model(broker: Broker) -> None:
    """Leave counts of other labels in the offset metadata, which has hardly room for another label."""
    counts = RunningCounts({f"label-{number}": number for number in range(1, _FOREIGN_LABELS)})
    broker.leave_counts(counts)
    broker.offset_metadata_max_bytes = len(counts.to_metadata()) + len(',"joy":1')


def raise_the_metadata_limit(broker: Broker) -> None:
    """Do what the last line of a worker with exit code STATE demands."""
    broker.offset_metadata_max_bytes = OFFSET_METADATA_MAX_BYTES


def _committed_partition(world: Surroundings) -> Partition | None:
    """Return a partition in which the group has committed; what is deleted before that, the group never had."""
    committed = sorted(world.broker.committed)
    return world.rng.choice(committed) if committed else None


def allow_any_share(world: Surroundings) -> None:
    """Start workers without DEAD_LETTER_MAX_SHARE, sooner or later: a supervisor has restarted some before."""
    if world.max_share is not None and (not world.chaos or world.rng.random() < 0.1):
        world.max_share = None
