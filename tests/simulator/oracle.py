"""The promise, checked at the broker and the store after all work is done."""

import json
from collections import Counter

from tests.simulator.broker import INPUT, OUTPUT, Broker
from tests.simulator.store import FakeRedis
from tests.simulator.surroundings import BrokenPromiseError
from tweets.records import OutputRecord, Partition
from worker.counts import RunningCounts


def check(broker: Broker, redis: FakeRedis) -> None:
    """Raise BrokenPromiseError unless the output has every input once and in order, and all counts agree with it."""
    _check_output(broker)
    _check_notes(broker)
    _check_redis(broker, redis)


def _check_output(broker: Broker) -> None:
    expected = {(p, record.offset) for p, records in broker.inputs.items() for record in records}
    seen: list[tuple[str, Partition, int]] = [_origin(outgoing) for outgoing in broker.visible()]
    times = Counter((partition, offset) for _, partition, offset in seen)
    doubled = sorted(where for where, count in times.items() if count > 1)
    lost = sorted(expected - set(times))
    if doubled or lost or set(times) - expected:
        raise BrokenPromiseError(f"doubled {doubled}, lost {lost}")
    last: dict[tuple[str, Partition], int] = {}
    for topic, partition, offset in seen:
        if offset < last.get((topic, partition), -1):
            raise BrokenPromiseError(f"{topic}: {partition}@{offset} stands after {last[topic, partition]}")
        last[topic, partition] = offset


def _check_notes(broker: Broker) -> None:
    folded: dict[Partition, Counter[str]] = {partition: Counter() for partition in broker.inputs}
    for outgoing in broker.visible():
        if outgoing.topic == OUTPUT:
            folded[Partition(INPUT, outgoing.partition)][json.loads(outgoing.value or b"")["emotion"]] += 1
    for partition, counts in folded.items():
        note = RunningCounts.from_metadata(broker.committed[partition].metadata or "")
        if note is None or dict(note.totals) != dict(counts):
            raise BrokenPromiseError(f"{partition}: the note says {note}, the output {counts}")


def _check_redis(broker: Broker, redis: FakeRedis) -> None:
    total: Counter[str] = Counter()
    for partition, at in broker.committed.items():
        note = RunningCounts.from_metadata(at.metadata or "")
        counts = dict(note.totals) if note else {}
        if redis.partitions.get(partition, {}) != counts:
            raise BrokenPromiseError(f"{partition}: Redis has {redis.partitions.get(partition)}, Kafka {counts}")
        total.update(counts)
    if +redis.totals != total:
        raise BrokenPromiseError(f"Redis has {redis.totals} in all, Kafka {total}")


def _origin(outgoing: OutputRecord) -> tuple[str, Partition, int]:
    """The input position that an output record belongs to."""
    if outgoing.topic == OUTPUT:
        topic, number, offset = json.loads(outgoing.value or b"")["id"].rsplit("-", 2)
    else:
        headers = {name: (content or b"").decode() for name, content in outgoing.headers}
        topic, number, offset = (headers[f"__connect.errors.{name}"] for name in ("topic", "partition", "offset"))
    if int(number) != outgoing.partition:
        raise BrokenPromiseError(f"{topic}[{number}]@{offset} was published to partition {outgoing.partition}")
    return outgoing.topic, Partition(topic, int(number)), int(offset)
