"""What `verify` reads after the last comparison to find the causes of differences."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from tweets.records import Partition
from worker.counts import CommittedCounts
from worker.errors import FatalError, TransientError
from worker.kafka.committed import Committed
from worker.redis.publication import Publication

_T = TypeVar("_T")


class KafkaEvidence(Protocol):
    """What brokers hold of the group and its topics. Methods raise TransientError or FatalError."""

    def committed(self) -> Mapping[Partition, Committed]: ...
    def input_partitions(self) -> Collection[Partition]: ...
    def checkpoints(self, partitions: Collection[Partition]) -> Mapping[Partition, CommittedCounts]: ...
    def owned(self) -> Collection[Partition] | None: ...
    def topic_id(self) -> str: ...
    def output_end(self, number: int) -> int: ...
    def output_uncommitted_ends(self, numbers: Collection[int]) -> Mapping[int, int]: ...
    def output_policy(self) -> str: ...


class RedisEvidence(Protocol):
    """As of which commits Redis has the partitions, and their names there. Raises TransientError."""

    def publication(self) -> Publication: ...
    def field(self, partition: Partition) -> str: ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What Kafka and Redis hold; `failure` says why it could not be read.

    `before` is what Redis had before Kafka was read, `now` what it had afterwards: a worker that publishes is seen at
    the difference. `owned` are the partitions that a worker owns; None where the brokers do not say.
    """

    before: Publication = field(default_factory=Publication)
    now: Publication = field(default_factory=Publication)
    committed: Mapping[Partition, Committed] = field(default_factory=dict)
    checkpoints: Mapping[Partition, CommittedCounts] = field(default_factory=dict)
    existing: Collection[Partition] = ()
    owned: Collection[Partition] | None = None
    topic_id: str = ""
    output_ends: Mapping[int, int] = field(default_factory=dict)
    output_uncommitted_ends: Mapping[int, int] = field(default_factory=dict)
    output_policy: str = ""
    failure: str = ""

    def generation(self, partition: Partition) -> int | None:
        """Return the generation of the partition's last commit; None where the checkpoint topic does not have it."""
        at, checkpoint = self.committed.get(partition), self.checkpoints.get(partition)
        if at is None or checkpoint is None or checkpoint.offset < at.offset:
            return None
        return checkpoint.generation

    def is_owned(self, partition: Partition) -> bool | None:
        """Return whether a worker owns the partition; None if the brokers do not say."""
        return None if self.owned is None else partition in self.owned


def gathered(
    kafka: KafkaEvidence, store: RedisEvidence, partitions: Collection[Partition], *, reads_output: bool
) -> Evidence:
    """Read the evidence about these partitions; `reads_output`: also what explains a different output.

    The order makes the evidence conclusive: Kafka has every commit that Redis had before.
    """
    numbers = [partition.number for partition in partitions]
    try:
        return Evidence(
            before=store.publication(),
            committed=(committed := kafka.committed()),
            checkpoints=_checkpoints(kafka, partitions, committed),
            existing=kafka.input_partitions(),
            owned=_unless_refused(kafka.owned, None),
            topic_id=kafka.topic_id(),
            output_ends={number: kafka.output_end(number) for number in numbers},
            output_uncommitted_ends=(
                _unless_refused(lambda: kafka.output_uncommitted_ends(numbers), {}) if reads_output else {}
            ),
            output_policy=_unless_refused(kafka.output_policy, "") if reads_output else "",
            now=store.publication(),
        )
    except (TransientError, FatalError) as error:
        return Evidence(failure=str(error))


def _checkpoints(
    kafka: KafkaEvidence, partitions: Collection[Partition], committed: Mapping[Partition, Committed]
) -> Mapping[Partition, CommittedCounts]:
    """Return the checkpoints; only a partition without committed counts cannot be explained without them."""
    if all(partition in committed and committed[partition].counts is not None for partition in partitions):
        return _unless_refused(lambda: kafka.checkpoints(partitions), {})
    return kafka.checkpoints(partitions)


def _unless_refused(call: Callable[[], _T], otherwise: _T) -> _T:
    """Return the result; `otherwise` if the user may not ask, or the brokers cannot answer."""
    try:
        return call()
    except (TransientError, FatalError):
        return otherwise
