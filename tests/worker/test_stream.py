"""The two ends of the stream over fake clients: the traps that the worker's own calls avoid, each by its name."""

import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition, errors
from kafka.structs import ConsumerGroupMetadata, MemberState, OffsetAndMetadata

from tests.records import PARTITION
from tweets.records import OutputRecord
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.stream import KafkaStream
from worker.membership import CommittedOffset, Membership
from worker.process.watchdog import Watchdog
from worker.settings import Settings

THEIRS = TopicPartition(PARTITION.topic, PARTITION.number)
OWNED = Membership(frozenset({PARTITION}), 5, "member-1", "client_metadata")
A_RECORD = OutputRecord("tweets.emotions", 3, b"k", b"v", [])


class FakeFuture:
    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def get(self, timeout: float) -> None:
        if self._error is not None:
            raise self._error


class FakeProducer:
    """Writes down its calls; `errors` are raised by the calls that bear their names."""

    def __init__(self, configs: dict[str, Any], calls: list[str], faults: dict[str, list[Exception]]) -> None:
        self.configs = configs
        self.sent: list[dict[str, Any]] = []
        self.offsets: dict[TopicPartition, OffsetAndMetadata] = {}
        self._calls = calls
        self._faults = faults
        self._transaction_manager = SimpleNamespace(last_error=None)
        self._sender = SimpleNamespace(
            force_close=lambda: self._call("force_close"), join=lambda timeout: self._call("join")
        )

    def init_transactions(self) -> None:
        self._call("init")

    def begin_transaction(self) -> None:
        self._call("begin")

    def send(self, topic: str, **record: Any) -> FakeFuture:
        self._call("send")
        self.sent.append({"topic": topic, **record})
        waiting = self._faults.get("future")
        return FakeFuture(waiting.pop(0) if waiting else None)

    def flush(self, timeout: float) -> None:
        self._call("flush")

    def send_offsets_to_transaction(self, offsets: dict[TopicPartition, OffsetAndMetadata], metadata: object) -> None:
        assert metadata == "client_metadata"
        self._call("offsets")
        self.offsets = offsets

    def commit_transaction(self) -> None:
        self._call("commit")

    def abort_transaction(self) -> None:
        self._call("abort")

    def partitions_for(self, topic: str) -> set[int]:
        return set(range(4)) if topic != "narrow" else {0}

    def close(self, timeout: float) -> None:
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
            fetch_committed_offsets=self._committed,
        )
        self._fetcher = SimpleNamespace(_next_partition_records=None, _parse_fetched_data=None)
        self._subscription = SimpleNamespace(assignment={})

    def poll(self, timeout_ms: float, max_records: int) -> dict[TopicPartition, list[Any]]:
        if self.error is not None:
            raise self.error
        return self.polled

    def group_metadata(self) -> ConsumerGroupMetadata:
        return ConsumerGroupMetadata("group", self.generation, "member-1", None)

    def assignment(self) -> set[TopicPartition]:
        return {THEIRS}

    def _committed(self, asked: list[TopicPartition], timeout_ms: int) -> dict[TopicPartition, OffsetAndMetadata]:
        answer = self.answers.pop(0)
        return {} if answer is None else dict.fromkeys(asked, answer)

    def beginning_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.first)

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

    def producer(self, **configs: Any) -> FakeProducer:
        self.producers.append(FakeProducer(configs, self.calls, self.faults))
        return self.producers[-1]

    def consumer(self, *topics: str, **configs: Any) -> FakeConsumer:
        self.consumers.append(FakeConsumer(topics, configs))
        return self.consumers[-1]


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    clients = Clients()
    monkeypatch.setattr("worker.kafka.producer.KafkaProducer", clients.producer)
    monkeypatch.setattr("worker.kafka.consumer.KafkaConsumer", clients.consumer)
    return clients


@pytest.fixture
def stream(clients: Clients) -> Iterator[KafkaStream]:
    stream = _stream()
    clients.calls.clear()
    yield stream
    stream.close()


def _stream(**settings: Any) -> KafkaStream:
    return KafkaStream(Settings(_env_file=None, **settings), max_record_bytes=100_000, watchdog=Watchdog())


def test_a_transaction_is_begun_sent_awaited_and_committed_with_its_offsets(
    stream: KafkaStream, clients: Clients
) -> None:
    stream.publish([A_RECORD, A_RECORD])
    stream.commit({PARTITION: CommittedOffset(8, "note")}, OWNED)
    assert clients.calls == ["begin", "send", "send", "flush", "offsets", "commit"]
    assert clients.producers[0].sent[0]["partition"] == 3
    assert clients.producers[0].offsets == {THEIRS: OffsetAndMetadata(8, "note")}


def test_trap_flush_hides_failures_and_a_failed_send_does_not_stop_a_commit(
    stream: KafkaStream, clients: Clients
) -> None:
    clients.faults["future"] = [errors.MessageSizeTooLargeError("x")]
    with pytest.raises(TransientError, match="MessageSizeTooLargeError"):
        stream.publish([A_RECORD, A_RECORD])


def test_trap_send_rejects_a_record_without_key_and_value_and_a_header_without_content(
    stream: KafkaStream, clients: Clients
) -> None:
    stream.publish(
        [OutputRecord("dead", 0, None, None, [("h", None), ("i", b"1")]), OutputRecord("dead", 0, b"k", None, [])]
    )
    first, second = clients.producers[0].sent
    assert (first["key"], first["value"], first["headers"]) == (None, b"", [("h", b""), ("i", b"1")])
    assert (second["key"], second["value"]) == (b"k", None)


def test_trap_a_member_thrown_out_has_metadata_that_brokers_accept_unfenced(
    stream: KafkaStream, clients: Clients
) -> None:
    clients.consumers[0].generation = -1
    fetched = stream.poll(timeout_s=0.0, max_records=10)
    assert not fetched.membership.joined
    with pytest.raises(TransientError, match="not in the group"):
        stream.commit({PARTITION: CommittedOffset(8, "note")}, fetched.membership)
    assert clients.calls == []


@pytest.mark.parametrize("fails", [None, "abort", "force_close_is_fine_but_close_raises"], ids=str)
def test_trap_old_offsets_and_records_go_out_in_the_next_transaction_of_a_producer(
    stream: KafkaStream, clients: Clients, fails: str | None
) -> None:
    clients.faults["abort"] = [errors.IllegalStateError("x")] if fails == "abort" else []
    clients.faults["close"] = [errors.IllegalStateError("x")] if fails and fails != "abort" else []
    stream.rollback()
    assert clients.calls[0] == "abort"
    assert clients.calls[-1] == "init"
    assert len(clients.producers) == 2
    stream.publish([A_RECORD])
    assert [len(producer.sent) for producer in clients.producers] == [0, 1]


def test_trap_close_leaks_the_senders_thread_so_it_is_ended_first(stream: KafkaStream, clients: Clients) -> None:
    stream.rollback()
    assert clients.calls == ["abort", "force_close", "join", "close", "init"]


def test_a_new_producer_bears_the_old_ones_transactional_id_so_that_what_is_open_is_aborted(
    stream: KafkaStream, clients: Clients
) -> None:
    stream.rollback()
    assert len({producer.configs["transactional_id"] for producer in clients.producers}) == 1


def test_two_workers_without_a_lasting_name_have_different_transactional_ids(clients: Clients) -> None:
    for _ in range(2):
        _stream().close()
    assert len({producer.configs["transactional_id"] for producer in clients.producers}) == 2


def test_a_lasting_name_is_both_static_member_and_transactional_id(clients: Clients) -> None:
    _stream(worker_id="w-0").close()
    assert clients.producers[0].configs["transactional_id"] == "emotion-worker:w-0"
    assert clients.consumers[0].configs["group_instance_id"] == "w-0"


def test_after_a_rollback_that_failed_nothing_is_sent(stream: KafkaStream, clients: Clients) -> None:
    clients.faults["init"] = [errors.KafkaTimeoutError("x")]
    with pytest.raises(TransientError):
        stream.rollback()
    with pytest.raises(TransientError, match="rollback did not succeed"):
        stream.publish([A_RECORD])
    stream.rollback()
    stream.publish([A_RECORD])


def test_trap_a_look_up_that_timed_out_answers_the_next_one_from_its_cache(
    stream: KafkaStream, clients: Clients
) -> None:
    consumer = clients.consumers[0]
    consumer.answers = [OffsetAndMetadata(3, "old"), OffsetAndMetadata(9, "new")]
    assert stream.restore(OWNED) == {PARTITION: CommittedOffset(9, "new")}
    assert consumer.seeks == [(THEIRS, 9)]


def test_a_partition_without_a_committed_offset_starts_at_its_beginning_without_a_note(
    stream: KafkaStream, clients: Clients
) -> None:
    clients.consumers[0].answers = [None, None]
    clients.consumers[0].first = 42
    assert stream.restore(OWNED) == {PARTITION: CommittedOffset(42, None)}


def test_a_committed_offset_whose_note_is_gone_has_an_empty_one(stream: KafkaStream, clients: Clients) -> None:
    clients.consumers[0].answers = [OffsetAndMetadata(9, None)] * 2
    assert stream.restore(OWNED) == {PARTITION: CommittedOffset(9, "")}


def test_an_output_topic_with_too_few_partitions_is_fatal_and_names_the_command(clients: Clients) -> None:
    stream = _stream(kafka_dead_letter_topic="narrow")
    with pytest.raises(FatalError, match=r"narrow has 1 partitions and needs 4.*create-topics") as caught:
        stream.restore(OWNED)
    assert caught.value.exit_code is ExitCode.TOPICS
    stream.close()


def test_trap_poll_hangs_for_ever_on_a_record_that_the_client_cannot_read(
    stream: KafkaStream, clients: Clients
) -> None:
    drained: list[bool] = []
    consumer = clients.consumers[0]
    consumer.error = errors.CorruptRecordError("crc")
    consumer._fetcher._next_partition_records = SimpleNamespace(
        topic_partition=THEIRS, drain=lambda: drained.append(True)
    )
    assert stream.poll(timeout_s=0.0, max_records=10).records == []
    assert consumer.seeks == []
    (record,) = stream.poll(timeout_s=0.0, max_records=10).records
    assert (record.partition, record.offset, record.unreadable) == (PARTITION, 17, "CorruptRecordError")
    assert consumer.seeks == [(THEIRS, 18)]
    assert drained == [True, True]


def test_other_errors_of_a_poll_skip_no_record(stream: KafkaStream, clients: Clients) -> None:
    consumer = clients.consumers[0]
    consumer._fetcher._next_partition_records = SimpleNamespace(topic_partition=THEIRS, drain=lambda: None)
    for error in (errors.KafkaTimeoutError("x"), errors.RequestTimedOutError("x")):
        consumer.error = error
        with pytest.raises(TransientError):
            stream.poll(timeout_s=0.0, max_records=10)
    assert consumer.seeks == []


def test_trap_a_static_member_that_was_usurped_tells_nobody(stream: KafkaStream, clients: Clients) -> None:
    clients.consumers[0]._coordinator._heartbeat_enabled = False
    with pytest.raises(FatalError) as caught:
        stream.poll(timeout_s=0.0, max_records=10)
    assert caught.value.exit_code is ExitCode.FENCED


def test_closing_leaves_no_transaction_open_for_readers_to_wait_on(stream: KafkaStream, clients: Clients) -> None:
    clients.faults["commit"] = [errors.KafkaTimeoutError("x")]
    stream.publish([A_RECORD])
    with pytest.raises(TransientError):
        stream.commit({PARTITION: CommittedOffset(8, "note")}, OWNED)
    clients.calls.clear()
    stream.close()
    assert clients.calls[:2] == ["abort", "force_close"]


def test_the_consumer_never_commits_by_itself_and_reads_as_the_promise_needs(
    stream: KafkaStream, clients: Clients
) -> None:
    configs = clients.consumers[0].configs
    assert clients.consumers[0].topics == ("tweets",)
    assert configs["enable_auto_commit"] is False
    assert configs["isolation_level"] == "read_committed"
    assert configs["auto_offset_reset"] == "none"
    assert configs["allow_auto_create_topics"] is False
    assert configs["max_poll_interval_ms"] == 30_000
    assert not [name for name in configs if "deserializer" in name]


def test_the_producer_has_the_settings_that_carried_the_trial(stream: KafkaStream, clients: Clients) -> None:
    configs = clients.producers[0].configs
    expected = {
        "transaction_timeout_ms": 15_000,
        "delivery_timeout_ms": 14_000,
        "request_timeout_ms": 5_000,
        "retry_backoff_ms": 20,
        "reconnect_backoff_ms": 50,
        "reconnect_backoff_max_ms": 500,
        "metadata_max_age_ms": 5_000,
        "max_block_ms": 15_000,
        "linger_ms": 5,
        "batch_size": 100_000,
        "max_request_size": 100_000,
    }
    assert {name: configs[name] for name in expected} == expected
