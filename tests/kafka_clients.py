"""Fakes of kafka-python's producer and consumer."""

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Final

from kafka import TopicPartition
from kafka.producer.producer_batch import ProducerBatch
from kafka.producer.transaction_manager import TransactionalRequestResult
from kafka.structs import ConsumerGroupMetadata, MemberState, OffsetAndMetadata

from tests.records import PARTITION
from tweets.records import OutputRecord, Partition
from worker.kafka.batch_producer import SentBatch
from worker.kafka.checkpoints import Checkpoint

THEIRS: Final = TopicPartition(PARTITION.topic, PARTITION.number)
"""PARTITION as kafka-python names it."""

NARROW: Final = "narrow"
"""The one topic with a single partition; all others have four."""


class FakeProducer:
    """Records its calls; `faults` has for a call the errors that the call raises at first, one at a time."""

    def __init__(self, configs: dict[str, Any], calls: list[str], faults: dict[str, list[Exception]]) -> None:
        self.configs = configs
        self.sent: list[OutputRecord] = []
        self.sent_alone: list[dict[str, Any]] = []
        self.looked_up: list[str] = []
        self.offsets: dict[TopicPartition, OffsetAndMetadata] = {}
        self._calls = calls
        self._faults = faults
        self._transaction_manager = SimpleNamespace(last_error=None, begin_abort=self._begin_abort)
        self._sender = SimpleNamespace(
            force_close=lambda: self._call("force_close"),
            join=lambda timeout: self._call("join"),
            wakeup=lambda: None,
        )

    def init_transactions(self) -> None:
        self._call("init")

    def begin_transaction(self) -> None:
        self._call("begin")

    def send(self, topic: str, **record: Any) -> None:
        """Send a record as the replay does; the worker sends batches."""
        self._call("send")
        self.sent_alone.append({"topic": topic, **record})

    def add_partitions(self, topic_partitions: Sequence[tuple[str, int]]) -> None:
        self._call("add partitions")

    def send_all(self, topic: str, number: int, records: Sequence[OutputRecord]) -> list[SentBatch]:
        """Send one batch; the errors of its records are the first of the faults of "records"."""
        self._call("send")
        self.sent += records
        waiting = self._faults.get("records", [])
        failed = [waiting.pop(0) if waiting else None for _ in records]
        batch = ProducerBatch(TopicPartition(topic, number), SimpleNamespace(next_offset=lambda: len(records)))
        batch.produce_future.success((0, -1, failed.__getitem__ if any(failed) else None))
        return [SentBatch(batch)]

    def flush(self, timeout: float) -> None:
        self._call("flush")

    def send_offsets_to_transaction(self, offsets: dict[TopicPartition, OffsetAndMetadata], metadata: object) -> None:
        assert metadata == "client_metadata"
        self._call("offsets")
        self.offsets = offsets

    def commit_transaction(self) -> None:
        self._call("commit")

    def _begin_abort(self) -> TransactionalRequestResult:
        self._call("abort")
        aborted = TransactionalRequestResult()
        aborted.done()
        return aborted

    def partitions_for(self, topic: str) -> set[int]:
        self.looked_up.append(topic)
        if self._faults.get("partitions_for"):
            raise self._faults["partitions_for"].pop(0)
        return set(range(4)) if topic != NARROW else {0}

    def close(self, timeout: float) -> None:
        assert timeout == 0
        self._call("close")

    def _call(self, name: str) -> None:
        self._calls.append(name)
        if self._faults.get(name):
            raise self._faults[name].pop(0)


class FakeConsumer:
    def __init__(self, topics: Sequence[str], configs: dict[str, Any]) -> None:
        self.topics, self.configs = topics, configs
        self.answers: list[OffsetAndMetadata | None] = []
        self.seeks: list[tuple[TopicPartition, int]] = []
        self.polled: dict[TopicPartition, list[Any]] = {}
        self.error: Exception | None = None
        self.generation = 5
        self.first = 0
        self._coordinator = SimpleNamespace(
            _lock=threading.Lock(),
            state=MemberState.STABLE,
            _heartbeat_enabled=True,
            rejoining=False,
            _join_task=None,
            _find_coordinator_future=None,
            fetch_committed_offsets=self._committed,
        )
        self._fetcher = SimpleNamespace(
            _next_partition_records=None, _next_in_line_exception_metadata=None, _parse_fetched_data=None
        )
        self._subscription = SimpleNamespace(assignment={})
        self.topic_ids: dict[str, str] = {}
        self._client = SimpleNamespace(cluster=SimpleNamespace(topic_id=self.topic_ids.get))
        self.drained = 0

    def stop_heartbeat(self) -> None:
        """Do what the client does when another member has its instance id: stop the heartbeat, and no more."""
        self._coordinator._heartbeat_enabled = False

    def keep_unread(self, partition: TopicPartition) -> None:
        """Keep fetched records of a partition, of which the next cannot be read."""
        self._fetcher._next_partition_records = SimpleNamespace(topic_partition=partition, drain=self._drain)

    def _drain(self) -> None:
        self.drained += 1

    def poll(self, timeout_ms: float, max_records: int) -> dict[TopicPartition, list[Any]]:
        if self.error is not None:
            raise self.error
        return self.polled

    def group_metadata(self) -> ConsumerGroupMetadata:
        return ConsumerGroupMetadata("group", self.generation, "member-1", None)

    def assignment(self) -> set[TopicPartition]:
        return {THEIRS}

    def paused(self) -> set[TopicPartition]:
        return set()

    def _committed(self, asked: list[TopicPartition], timeout_ms: int) -> dict[TopicPartition, OffsetAndMetadata]:
        answer = self.answers.pop(0)
        return {} if answer is None else dict.fromkeys(asked, answer)

    def beginning_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.first)

    def end_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 5)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.seeks.append((partition, offset))

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        return 17

    def close(self, autocommit: bool, timeout_ms: int) -> None:
        assert not autocommit


class Clients:
    """The clients that a stream made, newest producer last."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.faults: dict[str, list[Exception]] = {}
        self.producers: list[FakeProducer] = []
        self.consumers: list[FakeConsumer] = []
        self.checkpoints: dict[Partition, Checkpoint] = {}

    def producer(self, **configs: Any) -> FakeProducer:
        self.producers.append(FakeProducer(configs, self.calls, self.faults))
        return self.producers[-1]

    def consumer(self, *topics: str, **configs: Any) -> FakeConsumer:
        self.consumers.append(FakeConsumer(topics, configs))
        return self.consumers[-1]
